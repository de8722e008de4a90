import type { ImageIdentity } from "./containers/policy.ts";
import type { ImageDecision, JudgedInput } from "./decide-image.ts";
import type { RecordedSignature, SignatureForm, VerificationRecord } from "./records.ts";
import type { SignatureFact } from "./signature-fact.ts";
import type { Subject } from "./subject.ts";

/** What is kept of signatures for one name, in bytes; those that counted come first. */
const MAX_KEPT_BYTES = 1024 * 1024;
const MAX_INDEX_BYTES = 256 * 1024;

/**
 * Keeps every signature that was offered, also those nobody trusts yet: a policy that changes later can then be applied
 * without asking the network. With those over the index, the index.
 */
export function recordSignatures(
  judged: ImageDecision["judged"],
  subject: Subject,
): Pick<VerificationRecord, "signatures" | "index"> {
  const counted = judged.toSorted((a, b) => Number(hasGood(b.facts)) - Number(hasGood(a.facts)));
  const signatures: RecordedSignature[] = [];
  let keptBytes = 0;
  for (const { offered, facts } of counted) {
    keptBytes += offered.bytes.byteLength;
    if (keptBytes > MAX_KEPT_BYTES) break;
    signatures.push(recordSignature(offered, facts));
  }
  const raw = subject.index?.raw;
  const isNeeded = signatures.some((one) => one.over === "index");
  if (!isNeeded || subject.index === undefined || raw === undefined || raw.byteLength > MAX_INDEX_BYTES)
    return { signatures };
  const { digest, mediaType } = subject.index;
  const index = { digest, raw: Buffer.from(raw).toString("base64"), ...(mediaType === undefined ? {} : { mediaType }) };
  return { signatures, index };
}

function hasGood(facts: readonly SignatureFact[]): boolean {
  return facts.some((fact) => fact.kind === "good" || fact.kind === "good-identity");
}

function recordSignature(one: JudgedInput, facts: readonly SignatureFact[]): RecordedSignature {
  const good = facts.flatMap((fact) => (fact.kind === "good" ? [fact.fingerprint] : []));
  // What was good over bytes that are gone now stays known, also while an exception carries the image.
  const fingerprints = [...(one.goodBefore ?? []), ...good];
  return {
    fingerprints: [...new Set(fingerprints)],
    form: formOf(one),
    ...(one.over === "index" ? { over: "index" } : {}),
    from: one.from,
    sha256: new Bun.CryptoHasher("sha256").update(one.bytes).digest("hex"),
    bytes: Buffer.from(one.bytes).toString("base64"),
  };
}

function formOf({ kind = "openpgp", over }: JudgedInput): SignatureForm {
  if (kind !== "openpgp") return kind;
  return over === "archive" ? "openpgp-archive" : "openpgp-referrer";
}

/** The image of a record as `policy.json` names it, under the docker reference that is used now. */
export function imageOf(record: VerificationRecord | undefined, docker: string | undefined): ImageIdentity | undefined {
  const image = record?.image;
  return image?.transport === "docker" && docker !== undefined ? { ...image, scope: docker, docker } : image;
}

/** A recorded signature as it was offered. */
export function reviveSignature(one: RecordedSignature): JudgedInput {
  const kind = one.form === "openpgp-referrer" || one.form === "openpgp-archive" ? "openpgp" : one.form;
  return {
    bytes: new Uint8Array(Buffer.from(one.bytes, "base64")),
    from: one.from,
    kind,
    over: one.form === "openpgp-archive" ? "archive" : (one.over ?? "manifest"),
    goodBefore: one.fingerprints,
  };
}
