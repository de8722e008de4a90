import { formatReason } from "../../base/errors.ts";
import { parseJsonStrict } from "../../base/json.ts";
import { parseDigest } from "../../image/digest.ts";
import { TrustError } from "../errors.ts";

/** What a signed document of the atomic or cosign form says: these bytes are the image of that name. */
export interface SignedClaim {
  readonly manifestDigest: string;
  /** Docker reference, as the signer wrote it. */
  readonly dockerReference: string;
}

/** Type of GPG simple signing. Spec: containers/image v5.36, docs/atomic-signature.md. */
export const SIMPLE_TYPE = "atomic container signature";
/** Type of cosign's payload in the same form. Spec: sigstore SIGNATURE_SPEC.md, "Simple Signing". */
export const COSIGN_TYPE = "cosign container image signature";

/** Largest claim, in bytes. */
export const MAX_CLAIM_BYTES = 64 * 1024;

/**
 * Reads a claim as strictly as skopeo does: exactly the known fields, except beneath `optional`, which may say anything.
 * @throws {TrustError} "trust/bad-signature"
 */
export function parseClaim(bytes: Uint8Array, type: string): SignedClaim {
  const problem = (state: string, cause?: unknown) =>
    new TrustError("trust/bad-signature", `Cannot read what is signed: ${state}`, {
      hint: "sign the image again",
      cause,
    });
  let document: unknown;
  try {
    document = parseJsonStrict(bytes, { limitBytes: MAX_CLAIM_BYTES });
  } catch (reason) {
    throw problem(formatReason(reason), reason);
  }
  const top = exactFields(document, ["critical", "optional"]);
  const critical = exactFields(top?.["critical"], ["type", "image", "identity"]);
  const image = exactFields(critical?.["image"], ["docker-manifest-digest"]);
  const identity = exactFields(critical?.["identity"], ["docker-reference"]);
  const manifestDigest = image?.["docker-manifest-digest"];
  const dockerReference = identity?.["docker-reference"];
  const optional = top?.["optional"];
  const isOptionalOk =
    (typeof optional === "object" && !Array.isArray(optional) && optional !== null) ||
    (optional === null && type === COSIGN_TYPE);
  if (!isOptionalOk || typeof manifestDigest !== "string" || typeof dockerReference !== "string")
    throw problem("it is no container signature document");
  if (critical?.["type"] !== type) throw problem(`its type is not "${type}"`);
  try {
    return { manifestDigest: parseDigest(manifestDigest), dockerReference };
  } catch (reason) {
    throw problem("its manifest digest is malformed", reason);
  }
}

/** The document to sign. Same input, same bytes. */
export function encodeClaim(
  claim: SignedClaim,
  form: { readonly type: string; readonly optional: Readonly<Record<string, unknown>> | null },
): Uint8Array {
  return new TextEncoder().encode(
    JSON.stringify({
      critical: {
        identity: { "docker-reference": claim.dockerReference },
        image: { "docker-manifest-digest": claim.manifestDigest },
        type: form.type,
      },
      optional: form.optional,
    }),
  );
}

function exactFields(value: unknown, names: readonly string[]): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const keys = Object.keys(value);
  if (keys.length !== names.length || !names.every((name) => keys.includes(name))) return undefined;
  return { ...value };
}
