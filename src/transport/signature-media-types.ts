/** Artifact type of an OpenPGP signature attached to a manifest as an OCI referrer. */
export const SIGNATURE_ARTIFACT_TYPE = "application/vnd.gantry.signature.openpgp.v1";

/** Media type of a sigstore bundle, as layer and as artifact type; the version follows. Spec: sigstore bundle format. */
export const BUNDLE_TYPE_PREFIX = "application/vnd.dev.sigstore.bundle";
/** The version of it that is written. */
export const BUNDLE_V03_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json";
/** Layer type of a cosign signature's payload. Spec: sigstore cosign, specs/SIGNATURE_SPEC.md. */
export const COSIGN_LAYER_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json";

/** Layer type of the signature itself. Spec: RFC 3156, section 5. */
export const SIGNATURE_LAYER_TYPE = "application/pgp-signature";

/** What cosign's fallback index says instead of the artifact type of its bundles. */
const EMPTY_TYPE = "application/vnd.oci.empty.v1+json";

/** Whether an artifact of that type may be a signature; what is inside decides. */
export function isSignatureType(artifactType: string): boolean {
  return (
    artifactType === SIGNATURE_ARTIFACT_TYPE ||
    artifactType === EMPTY_TYPE ||
    artifactType.startsWith(BUNDLE_TYPE_PREFIX)
  );
}
