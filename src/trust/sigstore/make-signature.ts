import { TrustError } from "../errors.ts";
import { COSIGN_TYPE, encodeClaim, type SignedClaim } from "../simple/claim.ts";
import { COSIGN_SIGNATURE } from "./cosign-signature.ts";
import { IN_TOTO, readBundleEvidence, SIGN_PREDICATE } from "./evidence.ts";
import { loadSigstore } from "./load-sigstore.ts";
import type { SigstorePrivateKey } from "./private-key.ts";
import { hintOf } from "./public-key.ts";
import { isSignedByKey } from "./verify-evidence.ts";

/** A layer of a cosign `.sig` manifest. */
export interface CosignLayer {
  readonly payload: Uint8Array;
  readonly annotations: Readonly<Record<string, string>>;
}

const BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json";

/** A signature in cosign's classic form: what every cosign, skopeo and podman verify. */
export function makeCosignLayer(key: SigstorePrivateKey, claim: SignedClaim): CosignLayer {
  const payload = encodeClaim(claim, { type: COSIGN_TYPE, optional: null });
  return { payload, annotations: { [COSIGN_SIGNATURE]: Buffer.from(key.sign(payload)).toString("base64") } };
}

/**
 * A signature as a sigstore bundle: a DSSE envelope over an in-toto statement, as cosign 3 makes it. Read back and
 * verified before it is returned.
 * @throws {TrustError} "trust/cannot-sign"
 */
export async function makeBundle(key: SigstorePrivateKey, manifestDigest: string): Promise<Uint8Array> {
  const lib = await loadSigstore();
  const [algorithm = "", hex = ""] = manifestDigest.split(":");
  const statement = {
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ digest: { [algorithm]: hex } }],
    predicateType: SIGN_PREDICATE,
    predicate: {},
  };
  const payload = Buffer.from(JSON.stringify(statement));
  const signature = key.sign(lib.core.dsse.preAuthEncoding(IN_TOTO, payload));
  const bundle = {
    mediaType: BUNDLE_TYPE,
    verificationMaterial: { publicKey: { hint: hintOf(key.publicKey) } },
    dsseEnvelope: {
      payload: payload.toString("base64"),
      payloadType: IN_TOTO,
      signatures: [{ sig: Buffer.from(signature).toString("base64") }],
    },
  };
  const bytes = new TextEncoder().encode(JSON.stringify(bundle));
  if (isSignedByKey(readBundleEvidence(lib, { bytes, artifact: new Uint8Array() }), key.publicKey)) return bytes;
  throw new TrustError("trust/cannot-sign", "Cannot use the signature just made: it does not verify", {
    hint: "sign with another key",
  });
}
