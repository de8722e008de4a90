import type { Descriptor } from "../image/descriptor.ts";
import { digestOf } from "../image/digest.ts";
import { OCI_EMPTY, OCI_MANIFEST } from "../image/media-types.ts";
import { type BuiltBlob, encodeDescriptor, type SignatureArtifact } from "./signature-artifact.ts";
import { BUNDLE_V03_TYPE } from "./signature-media-types.ts";

/**
 * Packs a sigstore bundle about the manifest `subject` as an OCI artifact, the way cosign attaches it. Same input, same
 * bytes.
 */
export function buildBundleArtifact(
  subject: Descriptor,
  bundle: { readonly bytes: Uint8Array; readonly predicateType: string },
): SignatureArtifact {
  const config = blobOf(new TextEncoder().encode("{}"), OCI_EMPTY);
  const layer = blobOf(bundle.bytes, BUNDLE_V03_TYPE);
  const annotations = {
    "dev.sigstore.bundle.content": "dsse-envelope",
    "dev.sigstore.bundle.predicateType": bundle.predicateType,
  };
  const document = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    artifactType: BUNDLE_V03_TYPE,
    config: encodeDescriptor(config.descriptor),
    layers: [encodeDescriptor(layer.descriptor)],
    subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.sizeBytes },
    annotations,
  };
  const { raw, descriptor } = blobOf(new TextEncoder().encode(JSON.stringify(document)), OCI_MANIFEST);
  // The annotations are in the listing too: verifiers choose by them what to read.
  const listed = { ...descriptor, artifactType: BUNDLE_V03_TYPE, annotations };
  return { subject, config, layer, manifest: { raw, descriptor: listed } };
}

function blobOf(raw: Uint8Array, mediaType: string): BuiltBlob {
  return { raw, descriptor: { mediaType, digest: digestOf(raw), sizeBytes: raw.byteLength, annotations: {} } };
}
