import { formatReason } from "../base/errors.ts";
import type { Files } from "../sys/host.ts";
import type { ImageIdentity } from "./containers/policy.ts";
import type { Acceptance } from "./decision.ts";
import { TrustError } from "./errors.ts";

/**
 * How a signature came: OpenPGP over the manifest (a referrer) or over an archive (beside it), GPG simple signing, a cosign
 * `.sig`, or a sigstore bundle.
 */
export type SignatureForm = "openpgp-referrer" | "openpgp-archive" | "simple" | "cosign" | "bundle";

const FORMS: readonly string[] = ["openpgp-referrer", "openpgp-archive", "simple", "cosign", "bundle"];

/** A signature that was looked at, kept so that it can be judged again later. */
export interface RecordedSignature {
  /** Primary fingerprints of the keys whose signatures in it were good. */
  readonly fingerprints: readonly string[];
  readonly form: SignatureForm;
  /** Present when it is over the index the manifest was chosen from. */
  readonly over?: "index";
  /** Where it was found. */
  readonly from: string;
  /** SHA-256 of the signature file, hex. */
  readonly sha256: string;
  /** The signature file itself, base64. */
  readonly bytes: string;
}

/** Proof that an image passed under a name: which keys or rule, when, under which keyring and policy. */
export interface VerificationRecord {
  readonly gantryKind: "verification";
  readonly gantryVersion: "v1";
  readonly name: string;
  readonly manifestDigest: string;
  readonly acceptedBy: readonly Acceptance[];
  readonly signatures: readonly RecordedSignature[];
  /** The index that signatures are over, base64. */
  readonly index?: { readonly digest: string; readonly raw: string; readonly mediaType?: string };
  /** Where it came from, as `policy.json` names places. */
  readonly image?: ImageIdentity;
  /** Signatures that were there and did not count, with the reason. */
  readonly ignored?: readonly string[];
  readonly verifiedAt: string;
  /** From then on the record alone no longer accepts. */
  readonly validUntil?: string;
  readonly keyringHash: string;
  readonly policyHash: string;
}

/** Largest record file, in bytes. */
const MAX_RECORD_BYTES = 16 * 1024 * 1024;

/** Path of the records of a manifest digest, relative to the store's root. One file holds one record per name. */
export function recordPath(manifestDigest: string): string {
  return `verified/${manifestDigest.replace(":", "-")}.json`;
}

/** All records of a digest; none when it was never verified. @throws {TrustError} "trust/no-record" for a damaged file. */
export function readRecords(files: Files, manifestDigest: string): readonly VerificationRecord[] {
  const path = recordPath(manifestDigest);
  if (!files.has(path)) return [];
  try {
    const parsed: unknown = JSON.parse(files.readText(path, MAX_RECORD_BYTES));
    if (Array.isArray(parsed)) return parsed.filter(isRecord).filter((one) => one.manifestDigest === manifestDigest);
  } catch (reason) {
    throw damaged(manifestDigest, formatReason(reason));
  }
  throw damaged(manifestDigest, "not a list");
}

/** Writes or replaces the record of one name; other names' records stay. Atomic, serialised by a lock. */
export function writeRecord(files: Files, record: VerificationRecord): void {
  files.ensureDir("verified");
  using _lock = files.lock("verified/.lock", { kind: "exclusive", wait: true });
  let others: readonly VerificationRecord[] = [];
  try {
    others = readRecords(files, record.manifestDigest).filter((one) => one.name !== record.name);
  } catch (reason) {
    // A damaged file accepts nothing; writing a fresh record is the repair.
    if (!(reason instanceof TrustError)) throw reason;
  }
  files.writeAtomic(recordPath(record.manifestDigest), `${JSON.stringify([...others, record], undefined, 1)}\n`, 0o644);
}

/** Forgets everything about a digest, when its image is removed. */
export function removeRecords(files: Files, manifestDigest: string): void {
  files.remove(recordPath(manifestDigest));
}

function isRecord(value: unknown): value is VerificationRecord {
  if (typeof value !== "object" || value === null) return false;
  const one = value as Record<string, unknown>;
  const texts = ["name", "manifestDigest", "verifiedAt", "keyringHash", "policyHash"];
  return (
    one["gantryKind"] === "verification" &&
    one["gantryVersion"] === "v1" &&
    texts.every((field) => typeof one[field] === "string") &&
    (one["validUntil"] === undefined || typeof one["validUntil"] === "string") &&
    Array.isArray(one["acceptedBy"]) &&
    one["acceptedBy"].length > 0 &&
    one["acceptedBy"].every(isAcceptance) &&
    isTextObject(one["index"], ["digest", "raw"]) &&
    isTextObject(one["image"], ["transport", "scope"]) &&
    Array.isArray(one["signatures"]) &&
    one["signatures"].every(isRecordedSignature)
  );
}

function isTextObject(value: unknown, names: readonly string[]): boolean {
  if (value === undefined) return true;
  if (typeof value !== "object" || value === null) return false;
  const fields: Record<string, unknown> = { ...value };
  return names.every((name) => typeof fields[name] === "string");
}

function isAcceptance(value: unknown): boolean {
  return (
    typeof value === "object" &&
    value !== null &&
    "kind" in value &&
    ["key", "identity", "exception", "insecure-option"].includes(String(value.kind))
  );
}

function isRecordedSignature(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const one = value as Record<string, unknown>;
  return (
    typeof one["bytes"] === "string" &&
    typeof one["from"] === "string" &&
    Array.isArray(one["fingerprints"]) &&
    FORMS.includes(String(one["form"]))
  );
}

function damaged(digest: string, state: string): TrustError {
  return new TrustError("trust/no-record", `Cannot read verification record of "${digest}": ${state}`, {
    hint: "verify it again: gantry fetch --pull-policy=update IMAGE",
  });
}
