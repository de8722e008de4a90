import { readFileSync } from "node:fs";
import { SysError } from "../errors.ts";
import { withFileErrors } from "../linux/file-error.ts";

const SYSTEM_BUNDLES = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/**
 * Certificate authorities (PEM) for TLS: the given files added to the system's bundle, or undefined when no file was
 * given: then the runtime's own choice stands.
 * @throws {SysError} "sys/not-found" for a file that cannot be read, "sys/http-tls" for one without a certificate.
 */
export async function readCaCertificates(caFiles: readonly string[]): Promise<string[] | undefined> {
  if (caFiles.length === 0) return undefined;
  const own = caFiles.map((path) => withFileErrors(`read CA file "${path}"`, () => readFileSync(path, "utf8")));
  own.forEach((pem, at) => {
    if (pem.includes("-----BEGIN CERTIFICATE-----")) return;
    throw new SysError("sys/http-tls", `Cannot use CA file "${caFiles[at]}": no PEM certificate is in it`, {
      hint: "give a file with -----BEGIN CERTIFICATE----- in it: --ca-file FILE",
    });
  });
  const { rootCertificates } = await import("node:tls");
  return [...rootCertificates, ...systemBundle(), ...own];
}

function systemBundle(): string[] {
  for (const path of SYSTEM_BUNDLES) {
    try {
      return [readFileSync(path, "utf8")];
    } catch {
      // Distributions keep the bundle in different places; the next one is tried.
    }
  }
  return [];
}

/** Certificate and key as TLS takes them; empty when there is none. */
export interface ClientPem {
  readonly cert?: string;
  readonly key?: string;
}

/** @throws {SysError} "sys/not-found" for a file that cannot be read. */
export function readClientCertificate(
  files: { readonly certFile: string; readonly keyFile: string } | undefined,
): ClientPem {
  if (files === undefined) return {};
  const read = (path: string) => withFileErrors(`read "${path}"`, () => readFileSync(path, "utf8"));
  return { cert: read(files.certFile), key: read(files.keyFile) };
}
