import { registryHost } from "../image/image-name.ts";
import { openFiles } from "../sys/linux/files.ts";
import type { EngineContext } from "./context.ts";
import { UseCaseError } from "./errors.ts";

/** Certificates for one registry host. */
export interface HostCertificates {
  /** Authorities trusted for this host besides the others. */
  readonly caFiles: readonly string[];
  /** What we show when the host asks who we are. */
  readonly client?: { readonly certFile: string; readonly keyFile: string };
}

/**
 * `certs.d/HOST[:PORT]/` of the configuration directories, of containers and of Docker: `*.crt` are authorities,
 * `NAME.cert` with `NAME.key` is a client certificate; the strongest directory's is used.
 * @throws {UseCaseError} "engine/bad-input" for a certificate without its key, or the other way round.
 * Spec: containers-certs.d(5).
 */
export function readHostCertificates(ctx: Pick<EngineContext, "config" | "env">, host: string): HostCertificates {
  const home = ctx.env["HOME"];
  const user = home?.startsWith("/") === true ? [openFiles(`${home}/.config/containers`)] : [];
  const layers = [openFiles("/etc/docker"), openFiles("/etc/containers"), ...user, ...ctx.config];
  const caFiles: string[] = [];
  let client: HostCertificates["client"];
  for (const files of layers) {
    const dir = `certs.d/${registryHost(host)}`;
    const names = files.list(dir);
    const stems = (ending: string) =>
      names.filter((name) => name.endsWith(ending)).map((name) => name.slice(0, -ending.length));
    caFiles.push(...stems(".crt").map((stem) => files.path(`${dir}/${stem}.crt`)));
    const [certs, keys] = [stems(".cert"), stems(".key")];
    const lonely = [...certs.filter((stem) => !keys.includes(stem)), ...keys.filter((stem) => !certs.includes(stem))];
    if (lonely.length > 0) {
      throw new UseCaseError(
        "engine/bad-input",
        `Cannot use client certificate "${lonely[0]}" in ${files.path(dir)}: half of it is missing`,
        {
          hint: `put ${lonely[0]}.cert and ${lonely[0]}.key there, or remove both`,
        },
      );
    }
    const [stem] = certs;
    if (stem !== undefined)
      client = { certFile: files.path(`${dir}/${stem}.cert`), keyFile: files.path(`${dir}/${stem}.key`) };
  }
  return { caFiles, ...(client === undefined ? {} : { client }) };
}
