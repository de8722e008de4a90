import { readFileSync } from "node:fs";
import { withFileErrors } from "../linux/file-error.ts";

const SYSTEM_BUNDLES = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/**
 * Certificate authorities (PEM) for TLS: the given files added to the system's bundle, or undefined when no file was
 * given: then the runtime's own choice stands.
 * @throws {SysError} "sys/not-found" for a file that cannot be read.
 */
export async function readCaCertificates(caFiles: readonly string[]): Promise<string[] | undefined> {
  if (caFiles.length === 0) return undefined;
  const own = caFiles.map((path) => withFileErrors(`read CA file "${path}"`, () => readFileSync(path, "utf8")));
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
