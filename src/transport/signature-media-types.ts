/** Artifact type of an OpenPGP signature attached to a manifest as an OCI referrer. */
export const SIGNATURE_ARTIFACT_TYPE = "application/vnd.gantry.signature.openpgp.v1";

/** Layer type of the signature itself. Spec: RFC 3156, section 5. */
export const SIGNATURE_LAYER_TYPE = "application/pgp-signature";
