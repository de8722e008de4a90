/** Manifest and index types we ask registries for, best first. */
export const ACCEPTED_MANIFEST_TYPES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
] as const;

export const OCI_INDEX_TYPE = "application/vnd.oci.image.index.v1+json";
export const OCI_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
export const OCI_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
export const OCI_EMPTY_TYPE = "application/vnd.oci.empty.v1+json";
export const OCI_LAYER_TAR_TYPE = "application/vnd.oci.image.layer.v1.tar";

/** Artifact type of an OpenPGP signature attached to a manifest as an OCI referrer. */
export const SIGNATURE_ARTIFACT_TYPE = "application/vnd.gantry.signature.openpgp.v1";
/** Layer type of the signature itself. Spec: RFC 3156, section 5. */
export const SIGNATURE_LAYER_TYPE = "application/pgp-signature";

/** True for documents served under `/manifests/`. */
export function isManifestType(mediaType: string): boolean {
  return ACCEPTED_MANIFEST_TYPES.some((type) => type === mediaType);
}

/** True for documents that only list others. */
export function isIndexType(mediaType: string): boolean {
  return mediaType === ACCEPTED_MANIFEST_TYPES[0] || mediaType === ACCEPTED_MANIFEST_TYPES[2];
}
