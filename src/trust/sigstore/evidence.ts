import type { SignedEntity } from "@sigstore/verify";
import { formatReason } from "../../base/errors.ts";
import { parseJsonStrict } from "../../base/json.ts";
import { TrustError } from "../errors.ts";
import { COSIGN_TYPE, parseClaim } from "../simple/claim.ts";
import { type CosignSignature, parseCosignSignature } from "./cosign-signature.ts";
import type { SigstoreLibrary } from "./load-sigstore.ts";

/** A sigstore signature taken apart; nothing in it is verified. */
export interface SigstoreEvidence {
  readonly entity: SignedEntity;
  /** Digests of the manifests it says it is about; undefined: it is over the document's own bytes. */
  readonly digests: readonly string[] | undefined;
  /** Docker reference in it, where the form has one. */
  readonly reference?: string;
  /** Name of the key, base64, where the form has one. */
  readonly hint?: string;
  /** PEM certificates sent along, between the signer's and a root. */
  readonly chain?: string;
}

/** Statement type of an image signature: other attestations about an image do not vouch for it. */
export const SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1";
/** Payload type of statements in a DSSE envelope. */
export const IN_TOTO = "application/vnd.in-toto+json";
const MAX_BUNDLE_BYTES = 512 * 1024;

/** Reads a cosign `.sig` layer. @throws {TrustError} "trust/bad-signature" */
export function readCosignEvidence(lib: SigstoreLibrary, bytes: Uint8Array): SigstoreEvidence {
  const signature = parseCosignSignature(bytes);
  const claim = parseClaim(signature.payload, COSIGN_TYPE);
  const payload = Buffer.from(signature.payload);
  try {
    const bundle = lib.bundle.toMessageSignatureBundle({
      digest: lib.core.crypto.digest("sha256", payload),
      signature: signature.signature,
      ...(signature.certificate === undefined
        ? { keyHint: "" }
        : { certificate: lib.core.pem.toDER(signature.certificate) }),
      certificateChain: true,
    });
    const entry = readRekorEntry(signature);
    if (entry !== undefined) bundle.verificationMaterial.tlogEntries.push(entry);
    return {
      entity: withEd25519(lib, lib.verify.toSignedEntity(bundle, payload), payload),
      digests: [claim.manifestDigest],
      reference: claim.dockerReference,
      ...(signature.chain === undefined ? {} : { chain: signature.chain }),
    };
  } catch (reason) {
    throw bad("malformed", reason);
  }
}

/** Reads a sigstore bundle, version 0.1 to 0.3. @throws {TrustError} "trust/bad-signature" */
export function readBundleEvidence(
  lib: SigstoreLibrary,
  input: { readonly bytes: Uint8Array; readonly artifact: Uint8Array },
): SigstoreEvidence {
  try {
    const document = parseJsonStrict(input.bytes, { limitBytes: MAX_BUNDLE_BYTES });
    const bundle = lib.bundle.bundleFromJSON(document);
    const { content } = bundle.verificationMaterial;
    const digests = bundle.content.$case === "dsseEnvelope" ? readStatement(bundle.content.dsseEnvelope) : undefined;
    const artifact = Buffer.from(input.artifact);
    const entity = lib.verify.toSignedEntity(bundle, artifact);
    return {
      entity: bundle.content.$case === "messageSignature" ? withEd25519(lib, entity, artifact) : entity,
      digests,
      ...(content.$case === "publicKey" ? { hint: content.publicKey.hint } : {}),
    };
  } catch (reason) {
    if (reason instanceof TrustError) throw reason;
    throw bad(formatReason(reason), reason);
  }
}

/** The library hashes messages before it verifies them; Ed25519 signs the message itself. */
function withEd25519(lib: SigstoreLibrary, entity: SignedEntity, message: Buffer): SignedEntity {
  const content = entity.signature;
  return {
    ...entity,
    signature: {
      signature: content.signature,
      compareSignature: (signature) => content.compareSignature(signature),
      compareDigest: (digest) => content.compareDigest(digest),
      verifySignature: (key) =>
        key.asymmetricKeyType === "ed25519"
          ? lib.core.crypto.verify(message, key, content.signature)
          : content.verifySignature(key),
    },
  };
}

function readStatement(envelope: { readonly payload: Uint8Array; readonly payloadType: string }): readonly string[] {
  if (envelope.payloadType !== IN_TOTO) throw bad("its payload is no in-toto statement");
  const statement = parseJsonStrict(envelope.payload, { limitBytes: MAX_BUNDLE_BYTES });
  if (typeof statement !== "object" || statement === null || Array.isArray(statement))
    throw bad("its payload is no in-toto statement");
  const fields = new Map<string, unknown>(Object.entries(statement));
  if (fields.get("predicateType") !== SIGN_PREDICATE)
    throw bad(`it states "${String(fields.get("predicateType")).slice(0, 200)}" about the image, and signs nothing`);
  const subjects = fields.get("subject");
  if (!Array.isArray(subjects)) throw bad("it names no subject");
  return subjects.flatMap(readSubject);
}

function readSubject(subject: unknown): readonly string[] {
  const digest = typeof subject === "object" && subject !== null && "digest" in subject ? subject.digest : undefined;
  if (typeof digest !== "object" || digest === null) return [];
  return Object.entries(digest).flatMap(([name, hex]) => (typeof hex === "string" ? [`${name}:${hex}`] : []));
}

type LogEntry = SignedEntity["tlogEntries"][number];

function readRekorEntry({ rekor }: CosignSignature): LogEntry | undefined {
  if (rekor === undefined) return undefined;
  const document: unknown = parseJsonStrict(rekor, { limitBytes: MAX_BUNDLE_BYTES });
  const top = new Map<string, unknown>(Object.entries(document ?? {}));
  const payload = new Map<string, unknown>(Object.entries(top.get("Payload") ?? {}));
  const [promise, body, logId] = [top.get("SignedEntryTimestamp"), payload.get("body"), payload.get("logID")];
  const [integratedTime, logIndex] = [payload.get("integratedTime"), payload.get("logIndex")];
  const areTexts = typeof promise === "string" && typeof body === "string" && typeof logId === "string";
  if (!areTexts || typeof integratedTime !== "number" || typeof logIndex !== "number")
    throw bad("its transparency log entry is malformed");
  const canonicalizedBody = Buffer.from(body, "base64");
  const entry: unknown = parseJsonStrict(canonicalizedBody, { limitBytes: MAX_BUNDLE_BYTES });
  const kinds = new Map<string, unknown>(Object.entries(entry ?? {}));
  return {
    logIndex: String(logIndex),
    logId: { keyId: Buffer.from(logId, "hex") },
    kindVersion: { kind: String(kinds.get("kind")), version: String(kinds.get("apiVersion")) },
    integratedTime: String(integratedTime),
    inclusionPromise: { signedEntryTimestamp: Buffer.from(promise, "base64") },
    inclusionProof: undefined,
    canonicalizedBody,
  };
}

function bad(state: string, cause?: unknown): TrustError {
  return new TrustError("trust/bad-signature", `Cannot read sigstore signature: ${state}`, {
    hint: "sign again: gantry sign --format=cosign --key KEYFILE IMAGE",
    cause,
  });
}
