import type { Descriptor } from "../../image/descriptor.ts";
import { createHasher, type Digest, parseDigest, splitDigest } from "../../image/digest.ts";
import { isIndexMediaType, isManifestMediaType, MANIFEST_MEDIA_TYPES } from "../../image/media-types.ts";
import type { HttpResponse } from "../../sys/host.ts";
import { TransportError } from "../errors.ts";
import { sniffMediaType } from "../sniff-media-type.ts";
import type { RegistryClient } from "./registry-client.ts";

/** Largest manifest or index taken, as registries have agreed on. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** A manifest or index as the registry has it, checked against every digest known. */
export interface FetchedManifest {
  readonly descriptor: Descriptor;
  readonly raw: Uint8Array;
}

/**
 * Fetches the document a tag or digest names. The digest is computed over the bytes received and must equal both the
 * one asked for and the registry's Docker-Content-Digest.
 * @throws {TransportError} "transport/not-found", "transport/bad-answer", "transport/unsupported" and those of the client.
 * Spec: OCI distribution-spec v1.1.0, "Pulling manifests".
 */
export async function fetchManifest(
  client: RegistryClient,
  reference: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<FetchedManifest> {
  const what = `read manifest "${reference}" from registry "${client.address.host}/${client.address.repository}"`;
  const want = reference.includes(":") ? parseDigest(reference) : undefined;
  const read = async (response: HttpResponse) => {
    const raw = await response.readBytes(MAX_MANIFEST_BYTES);
    const digest = checkDigests({ what, want, raw }, response.headers.get("docker-content-digest"));
    const mediaType = mediaTypeOf({ what, raw }, response.headers.get("content-type"));
    return { raw, descriptor: { mediaType, digest, sizeBytes: raw.byteLength, annotations: {} } };
  };
  const headers = { accept: MANIFEST_MEDIA_TYPES.join(", ") };
  return client.send({ what, action: "pull", target: `manifests/${reference}`, headers, accept: [200], read }, options);
}

interface Received {
  readonly what: string;
  readonly want: Digest | undefined;
  readonly raw: Uint8Array;
}

function checkDigests({ what, want, raw }: Received, header: string | null): Digest {
  const promised = header === null ? undefined : parsePromise(header, what);
  const digest = hash(raw, want ?? promised);
  const other = [want, promised].find((known) => known !== undefined && hash(raw, known) !== known);
  if (other === undefined) return digest;
  throw new TransportError(
    "transport/bad-answer",
    `Cannot ${what}: its bytes have digest ${hash(raw, other)}, not ${other}`,
    {
      hint: "do not trust this registry or what is between you and it",
      data: { want: other, got: hash(raw, other) },
    },
  );
}

function parsePromise(header: string, what: string): Digest {
  try {
    return parseDigest(header.trim());
  } catch (reason) {
    throw new TransportError("transport/bad-answer", `Cannot ${what}: its Docker-Content-Digest is not a digest`, {
      hint: "check that this host is an OCI registry and works with other tools",
      cause: reason,
    });
  }
}

function hash(raw: Uint8Array, like: Digest | undefined): Digest {
  const hasher = createHasher(like === undefined ? "sha256" : splitDigest(like).algorithm);
  hasher.update(raw);
  return hasher.digest();
}

function mediaTypeOf(
  { what, raw }: { readonly what: string; readonly raw: Uint8Array },
  header: string | null,
): string {
  const served = header?.split(";")[0]?.trim().toLowerCase() ?? "";
  const inside = sniffMediaType(raw);
  if (inside === undefined) {
    throw new TransportError("transport/bad-answer", `Cannot ${what}: the answer is not a manifest`, {
      hint: "check that this host is an OCI registry, not a web page or a log-in portal",
      data: { contentType: served },
    });
  }
  if (!isServedAsManifest(inside)) {
    throw new TransportError("transport/unsupported", `Cannot ${what}: media type "${inside}" is not supported`, {
      hint: "push the image again in OCI or Docker v2.2 format",
    });
  }
  if (isServedAsManifest(served) && served !== inside) {
    throw new TransportError("transport/bad-answer", `Cannot ${what}: served as "${served}" but says "${inside}"`, {
      hint: "push the image again; its manifest and its registry disagree",
    });
  }
  return inside;
}

/** Whether registries keep documents of this type under `/manifests/`, not `/blobs/`. */
export function isServedAsManifest(mediaType: string): boolean {
  return isIndexMediaType(mediaType) || isManifestMediaType(mediaType);
}
