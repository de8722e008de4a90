import { usageError } from "./errors.ts";
import type { CliHost } from "./host.ts";

const MAX_TOKEN_BYTES = 4096;

/** The secret in a file, without the white space around it; undefined when no file is named. */
export async function readToken(host: CliHost, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const token = (await host.readTextFile(path, MAX_TOKEN_BYTES)).trim();
  if (/^[\x21-\x7e]{8,}$/.test(token)) return token;
  throw usageError(
    `Cannot use the secret in "${path}": it has fewer than 8 characters, or others than printable ASCII`,
    `make one: openssl rand -hex 32 > ${path}`,
  );
}
