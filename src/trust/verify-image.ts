import { formatTimestamp } from "../base/clock.ts";
import { digestOf, parseDigest, splitDigest } from "../image/digest.ts";
import type { ImageIdentity } from "./containers/policy.ts";
import { decideImage, type ImageDecision } from "./decide-image.ts";
import { TrustError } from "./errors.ts";
import { describeFact, isGood } from "./facts.ts";
import type { OfferedSignature } from "./offered-signature.ts";
import { recordSignatures } from "./record-signatures.ts";
import type { VerificationRecord } from "./records.ts";
import type { Subject, SubjectDocument } from "./subject.ts";
import type { Trust } from "./trust.ts";

/** The image to decide about. */
export interface VerifyInput {
  /** Name without tag or digest: what prefixes are compared with. */
  readonly name: string;
  readonly manifest: { readonly raw: Uint8Array; readonly digest: string };
  /** The index the manifest was chosen from. */
  readonly index?: SubjectDocument;
  /** Where it comes from, as `policy.json` names places. */
  readonly image?: ImageIdentity;
  readonly signatures: readonly OfferedSignature[];
  /** Reopened for each signature over the archive; must be the private copy everything else is read from. */
  readonly archive?: { open(): AsyncIterable<Uint8Array> };
  readonly insecure: boolean;
}

/**
 * Decides whether the image may be used under the name and returns the proof for `writeRecord`.
 * @throws {TrustError} any refusal, with the next command as hint; "trust/bad-signature" when raw and digest differ.
 */
export async function verifyImage(trust: Trust, input: VerifyInput): Promise<VerificationRecord> {
  const { name, manifest, index, image, archive } = input;
  const { algorithm } = splitDigest(parseDigest(manifest.digest));
  if (digestOf(manifest.raw, algorithm) !== manifest.digest) {
    throw new TrustError(
      "trust/bad-signature",
      `Cannot verify image "${name}": its manifest does not have the digest ${manifest.digest}`,
      {
        hint: "fetch it again",
      },
    );
  }
  const subject: Subject = { manifest, ...(index === undefined ? {} : { index }) };
  const decided = await decideImage(trust, {
    name,
    subject,
    image,
    signatures: input.signatures,
    insecure: input.insecure,
    ...(archive === undefined ? {} : { archive: () => archive.open() }),
  });
  return createRecord(trust, { name, subject, image, decided });
}

/** Turns an acceptance into a record, and throws a refusal. */
export function createRecord(
  trust: Trust,
  outcome: {
    readonly name: string;
    readonly subject: Subject;
    readonly image: ImageIdentity | undefined;
    readonly decided: ImageDecision;
  },
): VerificationRecord {
  const { name, subject, image, decided } = outcome;
  const { decision, judged } = decided;
  const manifestDigest = subject.manifest.digest;
  if (decision.kind === "refuse") {
    throw new TrustError(decision.code, `Cannot trust image "${name}": ${decision.reason}`, {
      hint: decision.hint,
      data: { name, manifestDigest, decidedBy: decided.decidedBy },
    });
  }
  const ignored = judged
    .flatMap(({ offered, facts }) => facts.map((fact) => ({ offered, fact })))
    .filter(({ fact }) => !isGood(fact) && fact.kind !== "unknown-key" && fact.kind !== "wrong-prefix")
    .map(({ offered, fact }) => `${offered.from}: ${describeFact(fact)}`);
  return {
    gantryKind: "verification",
    gantryVersion: "v1",
    name,
    manifestDigest,
    acceptedBy: decision.by,
    ...recordSignatures(judged, subject),
    ...(ignored.length === 0 ? {} : { ignored: ignored.slice(0, 32) }),
    ...(image === undefined ? {} : { image }),
    verifiedAt: formatTimestamp(decided.atMs),
    ...(decision.validUntilMs === undefined ? {} : { validUntil: formatTimestamp(decision.validUntilMs) }),
    keyringHash: trust.keyring.hash,
    policyHash: trust.policyHash,
  };
}
