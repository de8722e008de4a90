import { SysError } from "../../sys/errors.ts";
import type { Files, HttpClient } from "../../sys/host.ts";
import { TransportError } from "../errors.ts";
import type { FoundSignature } from "../image-source.ts";
import { MAX_SIGNATURE_BYTES, MAX_SIGNATURES } from "../signature-artifact.ts";
import type { LookasidePlace } from "./lookaside-place.ts";

/** What reading beside a registry takes from the host. */
export interface LookasideHost {
  readonly http: HttpClient;
  readonly openDirectory: (path: string) => Files;
}

/**
 * Simple signatures of one manifest, in order, up to the first that is missing; at most 32.
 * @throws {TransportError} "transport/unavailable" for a server that answers neither with it nor with "not found".
 */
export async function readLookaside(
  host: LookasideHost,
  place: LookasidePlace,
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly FoundSignature[]> {
  const found: FoundSignature[] = [];
  for (let index = 1; index <= MAX_SIGNATURES; index++) {
    const name = `signature-${index}`;
    const from = place.kind === "file" ? `${place.directory}/${name}` : `${place.url}/${name}`;
    const bytes = place.kind === "file" ? readOne(host, place.directory, name) : await fetchOne(host, from, options);
    if (bytes === undefined) break;
    found.push({ bytes, from, over: "manifest", kind: "simple" });
  }
  return found;
}

function readOne(host: LookasideHost, path: string, name: string): Uint8Array | undefined {
  const directory = host.openDirectory(path);
  return directory.statFollowing(name)?.kind === "file" ? directory.readBytes(name, MAX_SIGNATURE_BYTES) : undefined;
}

async function fetchOne(
  host: LookasideHost,
  url: string,
  options: { readonly signal?: AbortSignal },
): Promise<Uint8Array | undefined> {
  try {
    const response = await host.http.send({ url, headers: { "accept-encoding": "identity" } }, options);
    if (response.status === 200) return await response.readBytes(MAX_SIGNATURE_BYTES);
    await response.discard();
    if (response.status === 404) return undefined;
    throw unavailable(url, `the server answered ${response.status}`);
  } catch (reason) {
    if (reason instanceof SysError && options.signal?.aborted !== true) throw unavailable(url, reason.message, reason);
    throw reason;
  }
}

function unavailable(url: string, state: string, cause?: unknown): TransportError {
  return new TransportError("transport/unavailable", `Cannot read signature "${url}": ${state}`, {
    hint: "check the lookaside server in registries.d",
    cause,
  });
}
