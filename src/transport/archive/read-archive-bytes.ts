import type { Files, HttpClient, HttpResponse } from "../../sys/host.ts";
import { TransportError } from "../errors.ts";
import type { Pacing } from "../pacing.ts";
import { registryError } from "../registry/registry-error.ts";
import { retry } from "../registry/retry.ts";
import { MAX_SIGNATURE_BYTES } from "../signature-artifact.ts";
import { copyToPrivateFile, type PrivateFile } from "./private-file.ts";

/** What reading an archive takes from the host. `temp` is a private directory, `openDirectory` opens any other. */
export interface ArchiveHost {
  readonly http: HttpClient;
  readonly pacing: Pacing;
  readonly temp: Files;
  readonly openDirectory: (path: string) => Files;
}

/** Where the archive is. Paths are absolute. */
export type ArchivePlace =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "url"; readonly url: string };

/** The peer is still making the signature; asked again once after this time. */
const SIGNATURE_WAIT_MS = 2_000;

/**
 * Copies the archive into a private file, whole, before anything in it is believed.
 * @throws {TransportError} "transport/not-found", "transport/unavailable", … ; {SysError} when the disk is full.
 */
export async function fetchArchive(
  host: ArchiveHost,
  place: ArchivePlace,
  options: { readonly signal?: AbortSignal } = {},
): Promise<PrivateFile> {
  if (place.kind === "file") {
    const { directory, name } = splitPath(host, place.path);
    const kind = directory.stat(name)?.kind;
    if (kind === "file" || kind === "symlink")
      return copyToPrivateFile(host.temp, { chunks: directory.readChunks(name), place: formatPlace(place) });
    const state = kind === undefined ? "it does not exist" : "it is not a file";
    throw new TransportError("transport/not-found", `Cannot read archive "${place.path}": ${state}`, {
      hint: "check the path",
    });
  }
  const what = `download "${place.url}"`;
  const attempt = async () => {
    const response = await send(host, place.url, options);
    if (response.status !== 200) throw await urlError(response, what, place.url);
    return copyToPrivateFile(host.temp, { chunks: response.chunks(), place: formatPlace(place) });
  };
  return retry(host.pacing, { what, attempt }, options);
}

/**
 * The detached signature beside the archive (`.asc` appended to its name), at most 64 KiB; undefined when there is none.
 * A 202 is asked again once.
 */
export async function fetchDetachedSignature(
  host: ArchiveHost,
  place: ArchivePlace,
  options: { readonly signal?: AbortSignal } = {},
): Promise<{ readonly bytes: Uint8Array; readonly from: string } | undefined> {
  if (place.kind === "file") {
    const { directory, name } = splitPath(host, `${place.path}.asc`);
    if (directory.stat(name)?.kind !== "file") return undefined;
    return { bytes: directory.readBytes(name, MAX_SIGNATURE_BYTES), from: `${place.path}.asc` };
  }
  const url = new URL(place.url);
  url.pathname += ".asc";
  const what = `download "${url.href}"`;
  const attempt = async (isLast: boolean): Promise<Uint8Array | undefined> => {
    const response = await send(host, url.href, options);
    if (response.status === 200) return response.readBytes(MAX_SIGNATURE_BYTES);
    if (response.status !== 404 && response.status !== 202) throw await urlError(response, what, url.href);
    await response.discard();
    if (response.status === 404 || isLast) return undefined;
    await host.pacing.sleep(SIGNATURE_WAIT_MS, options);
    return attempt(true);
  };
  const bytes = await retry(host.pacing, { what, attempt: () => attempt(false) }, options);
  return bytes === undefined ? undefined : { bytes, from: url.href };
}

/** Short text for messages. */
export function formatPlace(place: ArchivePlace): string {
  return `archive ${place.kind === "file" ? place.path : place.url}`;
}

function send(host: ArchiveHost, url: string, options: { readonly signal?: AbortSignal }): Promise<HttpResponse> {
  return host.http.send({ url, headers: { "accept-encoding": "identity" } }, options);
}

async function urlError(response: HttpResponse, what: string, url: string): Promise<TransportError> {
  const { code, message, data } = await registryError(response, what, URL.parse(url)?.host ?? "");
  return new TransportError(code, message, { hint: "check the URL", data });
}

function splitPath(host: ArchiveHost, path: string): { readonly directory: Files; readonly name: string } {
  const slash = path.lastIndexOf("/");
  return { directory: host.openDirectory(path.slice(0, slash) || "/"), name: path.slice(slash + 1) };
}
