import type { Descriptor } from "../image/descriptor.ts";
import { type Digest, digestOf, splitDigest } from "../image/digest.ts";
import { OCI_EMPTY, OCI_MANIFEST } from "../image/media-types.ts";
import { parseManifest } from "../image/parse-manifest.ts";
import { TransportError } from "./errors.ts";
import { BUNDLE_TYPE_PREFIX, SIGNATURE_ARTIFACT_TYPE, SIGNATURE_LAYER_TYPE } from "./signature-media-types.ts";

/** Largest signature read or written. */
export const MAX_SIGNATURE_BYTES = 65_536;
/** Largest sigstore bundle read: with certificate, log proofs and time stamps some kilobytes. */
export const MAX_BUNDLE_BYTES = 262_144;
/** Most signatures looked at per image. */
export const MAX_SIGNATURES = 32;

/** Bytes of one blob with the descriptor that names them. */
export interface BuiltBlob {
  readonly descriptor: Descriptor;
  readonly raw: Uint8Array;
}

/** A signature as an OCI artifact: everything a registry or layout needs to hold it. */
export interface SignatureArtifact {
  readonly subject: Descriptor;
  readonly manifest: BuiltBlob;
  readonly config: BuiltBlob;
  readonly layer: BuiltBlob;
}

/**
 * Packs an OpenPGP signature over the manifest `subject` as an OCI artifact. Same input, same bytes; a creation time
 * enters only when given.
 * @throws {TransportError} "transport/unsupported" for an empty signature or one above 64 KiB.
 * Spec: OCI image-spec v1.1.0, manifest.md "Guidelines for Artifact Usage".
 */
export function buildSignatureArtifact(
  subject: Descriptor,
  signature: Uint8Array,
  options: { readonly createdAt?: string } = {},
): SignatureArtifact {
  if (signature.byteLength === 0 || signature.byteLength > MAX_SIGNATURE_BYTES) {
    throw new TransportError(
      "transport/unsupported",
      `Cannot attach a signature of ${signature.byteLength} bytes: the limit is 1 to ${MAX_SIGNATURE_BYTES}`,
      {
        hint: "give one detached OpenPGP signature",
      },
    );
  }
  const config = blobOf(new TextEncoder().encode("{}"), OCI_EMPTY);
  const layer = blobOf(signature, SIGNATURE_LAYER_TYPE);
  const document = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    artifactType: SIGNATURE_ARTIFACT_TYPE,
    config: encodeDescriptor(config.descriptor),
    layers: [encodeDescriptor(layer.descriptor)],
    subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.sizeBytes },
    ...(options.createdAt === undefined
      ? {}
      : { annotations: { "org.opencontainers.image.created": options.createdAt } }),
  };
  const { raw, descriptor } = blobOf(new TextEncoder().encode(JSON.stringify(document)), OCI_MANIFEST);
  return {
    subject,
    config,
    layer,
    manifest: { raw, descriptor: { ...descriptor, artifactType: SIGNATURE_ARTIFACT_TYPE } },
  };
}

/** JSON shape of a descriptor. */
export function encodeDescriptor(descriptor: Descriptor): Readonly<Record<string, unknown>> {
  const { mediaType, digest, sizeBytes, annotations, artifactType, platform } = descriptor;
  return {
    mediaType,
    digest,
    size: sizeBytes,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(platform === undefined ? {} : { platform }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  };
}

/** Tag (or layout name) under which referrers of `digest` are indexed where there is no referrers API. */
export function referrersTag(digest: Digest): string {
  const { algorithm, hex } = splitDigest(digest);
  return `${algorithm}-${hex}`;
}

/** The signature inside an artifact, and its kind. */
export interface SignatureLayer {
  readonly layer: Descriptor;
  readonly kind: "openpgp" | "bundle";
}

/**
 * The signature inside an artifact manifest, OpenPGP or sigstore bundle, when it really is a signature of `subject`;
 * undefined for any other artifact. Claims nothing about validity. The size limits hold.
 * @throws {ImageError} "image/bad-manifest"
 */
export function signatureLayer(raw: Uint8Array, subject: Digest): SignatureLayer | undefined {
  const artifact = parseManifest(raw, OCI_MANIFEST);
  const [layer] = artifact.layers;
  if (layer === undefined || artifact.subject?.digest !== subject) return undefined;
  if (layer.mediaType.startsWith(BUNDLE_TYPE_PREFIX))
    return layer.sizeBytes > MAX_BUNDLE_BYTES ? undefined : { layer, kind: "bundle" };
  if (artifact.artifactType !== SIGNATURE_ARTIFACT_TYPE) return undefined;
  if (layer.mediaType !== SIGNATURE_LAYER_TYPE || layer.sizeBytes > MAX_SIGNATURE_BYTES) return undefined;
  return { layer, kind: "openpgp" };
}

function blobOf(raw: Uint8Array, mediaType: string): BuiltBlob {
  return { raw, descriptor: { mediaType, digest: digestOf(raw), sizeBytes: raw.byteLength, annotations: {} } };
}
