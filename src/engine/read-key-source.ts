import { SysError } from "../sys/errors.ts";
import { TrustError } from "../trust/errors.ts";
import { MAX_KEY_FILE_BYTES } from "../trust/openpgp/read-keys.ts";
import type { EngineContext } from "./context.ts";
import { openUserPath } from "./user-path.ts";

/** The content of a key file, and where it was. */
export interface KeySource {
  readonly bytes: Uint8Array;
  readonly from: string;
}

/**
 * Reads a key from a file or an https URL; at most 1 MiB. http needs `--insecure-options=http`; over a connection whose
 * certificate is not checked (`tls`) keys are read only when `pubkey` is given too.
 * @throws {TrustError} "trust/bad-key"; {SysError} of reading.
 */
export async function readKeySource(
  ctx: EngineContext,
  key: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<KeySource> {
  const isUrl = /^[a-z][a-z0-9+.-]*:\/\//i.test(key);
  if (isUrl) return { bytes: await download(ctx, parseKeyUrl(ctx, key), options), from: key };
  const { directory, name, path } = openUserPath(key);
  return { bytes: directory.readBytes(name, MAX_KEY_FILE_BYTES), from: path };
}

function parseKeyUrl(ctx: EngineContext, text: string): string {
  const { insecureOptions } = ctx.options;
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:") || url.username !== "") {
    throw new TrustError("trust/bad-key", `Cannot read key from "${text.slice(0, 200)}": not an https URL`, {
      hint: "pass a file, or a URL as https://example.com/key.asc",
    });
  }
  if (url.protocol === "http:" && !insecureOptions.has("http")) {
    throw new TrustError("trust/bad-key", `Cannot read key from "${url.href}": anybody on the way could replace it`, {
      hint: "use https, or download it and pass the file; if you must: --insecure-options=http",
    });
  }
  if (insecureOptions.has("tls") && !insecureOptions.has("pubkey")) {
    throw new TrustError("trust/bad-key", `Cannot read key from "${url.href}": certificates are not being checked`, {
      hint: "leave out --insecure-options=tls, or add pubkey to it: --insecure-options=tls,pubkey",
    });
  }
  return url.href;
}

async function download(
  ctx: EngineContext,
  url: string,
  options: { readonly signal?: AbortSignal },
): Promise<Uint8Array> {
  const response = await ctx.http().send({ url }, options);
  if (response.status === 200) return await readBody(response, url);
  await response.discard();
  throw new TrustError("trust/bad-key", `Cannot read key from "${url}": the server answered ${response.status}`, {
    hint: "check the URL, or download the key and pass the file",
  });
}

async function readBody(
  response: { readBytes(limitBytes: number): Promise<Uint8Array> },
  url: string,
): Promise<Uint8Array> {
  try {
    return await response.readBytes(MAX_KEY_FILE_BYTES);
  } catch (reason) {
    if (!(reason instanceof SysError) || reason.code !== "sys/too-large") throw reason;
    throw new TrustError("trust/bad-key", `Cannot read key from "${url}": more than ${MAX_KEY_FILE_BYTES} bytes`, {
      hint: "check the URL: this is no key",
      cause: reason,
    });
  }
}
