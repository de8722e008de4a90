import type { Descriptor } from "../../image/descriptor.ts";
import { digestOf } from "../../image/digest.ts";
import { OCI_CONFIG, OCI_MANIFEST } from "../../image/media-types.ts";
import { parseManifest } from "../../image/parse-manifest.ts";
import { COSIGN_SIGNATURE } from "../../trust/sigstore/cosign-signature.ts";
import type { CosignPush } from "../cosign-push.ts";
import { TransportError } from "../errors.ts";
import { encodeDescriptor, MAX_SIGNATURE_BYTES, MAX_SIGNATURES } from "../signature-artifact.ts";
import { COSIGN_LAYER_TYPE } from "../signature-media-types.ts";
import { cosignTag, fetchCosignManifest } from "./fetch-cosign-signatures.ts";
import { pushBlob } from "./push-blob.ts";
import { pushManifest } from "./push-manifest.ts";
import type { RegistryClient } from "./registry-client.ts";

/**
 * Adds a layer to the manifest beneath cosign's tag; signatures that are there stay. Read-modify-write, as cosign's own:
 * two signers at once may lose one. Returns the tag; undefined when that signature is there already.
 * @throws {TransportError} "transport/unsupported" when there are too many already, and as the client does.
 */
export async function pushCosignSignature(
  client: RegistryClient,
  { subject, payload, annotations }: CosignPush,
  options: { readonly signal?: AbortSignal } = {},
): Promise<string | undefined> {
  const tag = cosignTag(subject);
  const before = await fetchCosignManifest(client, subject, options);
  const kept = before === undefined ? [] : parseManifest(before.raw, before.descriptor.mediaType).layers;
  const signature = annotations[COSIGN_SIGNATURE];
  if (signature !== undefined && kept.some((one) => one.annotations[COSIGN_SIGNATURE] === signature)) return undefined;
  if (kept.length >= MAX_SIGNATURES || payload.byteLength > MAX_SIGNATURE_BYTES) {
    throw new TransportError("transport/unsupported", `Cannot add a signature to "${tag}": there are ${kept.length}`, {
      hint: `at most ${MAX_SIGNATURES} of ${MAX_SIGNATURE_BYTES} bytes are read; remove what is not needed`,
    });
  }
  const layer: Descriptor = {
    mediaType: COSIGN_LAYER_TYPE,
    digest: digestOf(payload),
    sizeBytes: payload.byteLength,
    annotations,
  };
  const layers = [...kept, layer];
  const config = encode({
    architecture: "",
    config: {},
    os: "",
    rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
  });
  const configDescriptor = describe(OCI_CONFIG, config);
  await pushBlob(client, { descriptor: layer, raw: payload }, options);
  await pushBlob(client, { descriptor: configDescriptor, raw: config }, options);
  const raw = encode({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: encodeDescriptor(configDescriptor),
    layers: layers.map(encodeDescriptor),
  });
  await pushManifest(client, { manifest: { raw, descriptor: describe(OCI_MANIFEST, raw) }, reference: tag }, options);
  return tag;
}

function encode(document: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(document));
}

function describe(mediaType: string, raw: Uint8Array): Descriptor {
  return { mediaType, digest: digestOf(raw), sizeBytes: raw.byteLength, annotations: {} };
}
