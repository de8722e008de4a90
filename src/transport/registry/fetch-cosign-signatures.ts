import type { Digest } from "../../image/digest.ts";
import { splitDigest } from "../../image/digest.ts";
import { parseManifest } from "../../image/parse-manifest.ts";
import { encodeCosignSignature } from "../../trust/sigstore/cosign-signature.ts";
import { isItsOwnFault } from "../collect-signatures.ts";
import type { FoundSignature } from "../image-source.ts";
import { MAX_SIGNATURE_BYTES, MAX_SIGNATURES } from "../signature-artifact.ts";
import { COSIGN_LAYER_TYPE } from "../signature-media-types.ts";
import { fetchDocument } from "./fetch-document.ts";
import { type FetchedManifest, fetchManifest } from "./fetch-manifest.ts";
import type { RegistryClient } from "./registry-client.ts";

/** Tag under which cosign keeps the signatures of a manifest. Spec: sigstore cosign, specs/SIGNATURE_SPEC.md. */
export function cosignTag(digest: Digest): string {
  const { algorithm, hex } = splitDigest(digest);
  return `${algorithm}-${hex}.sig`;
}

/** Signatures beneath cosign's tag, at most 32: each is a layer with its annotations. */
export async function fetchCosignSignatures(
  client: RegistryClient,
  { subject, place }: { readonly subject: Digest; readonly place: string },
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly FoundSignature[]> {
  const fetched = await fetchCosignManifest(client, subject, options);
  if (fetched === undefined) return [];
  const found: FoundSignature[] = [];
  for (const layer of layersOf(fetched).slice(0, MAX_SIGNATURES)) {
    if (layer.mediaType !== COSIGN_LAYER_TYPE || layer.sizeBytes > MAX_SIGNATURE_BYTES) continue;
    const payload = await skipping(() =>
      fetchDocument(client, { descriptor: layer, limitBytes: MAX_SIGNATURE_BYTES }, options),
    );
    if (payload === undefined) continue;
    const bytes = encodeCosignSignature({ payload, annotations: layer.annotations });
    found.push({ bytes, from: `${place}:${cosignTag(subject)} ${layer.digest}`, over: "manifest", kind: "cosign" });
  }
  return found;
}

/** The manifest beneath the tag; undefined when there is none, or something else. */
export async function fetchCosignManifest(
  client: RegistryClient,
  subject: Digest,
  options: { readonly signal?: AbortSignal } = {},
): Promise<FetchedManifest | undefined> {
  return await skipping(() => fetchManifest(client, cosignTag(subject), options));
}

function layersOf({ raw, descriptor }: FetchedManifest) {
  try {
    return parseManifest(raw, descriptor.mediaType).layers;
  } catch (reason) {
    // Whatever else somebody keeps beneath that tag is no signature.
    if (isItsOwnFault(reason)) return [];
    throw reason;
  }
}

/** What is missing or malformed vouches for nothing; failures of the registry come through. */
async function skipping<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (reason) {
    if (isItsOwnFault(reason)) return undefined;
    throw reason;
  }
}
