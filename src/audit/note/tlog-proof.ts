import { AuditError } from "../errors.ts";
import { isSameHash, leafHash, type TreeHash } from "../merkle/hash.ts";
import { rootOfInclusion } from "../merkle/proofs.ts";
import { type Checkpoint, verifyCheckpoint } from "./checkpoint.ts";
import { findSignature, type NoteVerifier } from "./note-keys.ts";

const HEADER = "c2sp.org/tlog-proof@v1";
const MAX_PROOF_LINES = 63;

/** A proof that needs nothing but the log's key to be checked. Spec: C2SP tlog-proof v1. */
export interface TlogProof {
  readonly index: number;
  readonly hashes: readonly TreeHash[];
  /** The record itself travels here; it is believed only because its hash leads to the signed root. */
  readonly extra?: Uint8Array;
  /** Signed text, as it is. */
  readonly checkpoint: string;
}

/** Text of a `.tlog-proof` file. */
export function formatTlogProof(proof: TlogProof): string {
  const extra = proof.extra === undefined ? [] : [`extra ${Buffer.from(proof.extra).toString("base64")}`];
  const hashes = proof.hashes.map((hash) => Buffer.from(hash).toString("base64"));
  return `${[HEADER, ...extra, `index ${proof.index}`, ...hashes, "", proof.checkpoint].join("\n")}`;
}

/** @throws {AuditError} "audit/malformed" */
export function parseTlogProof(text: string): TlogProof {
  const split = text.indexOf("\n\n");
  const [header, ...lines] = text.slice(0, Math.max(split, 0)).split("\n");
  if (header !== HEADER) throw malformed(`it does not begin with "${HEADER}"`);
  const extraLine = lines[0]?.startsWith("extra ") === true ? lines.shift() : undefined;
  const [, index] = /^index (0|[1-9][0-9]{0,15})$/.exec(lines.shift() ?? "") ?? [];
  if (index === undefined) throw malformed("it names no index");
  const hashes = lines.map((line) => decode(line));
  if (hashes.length > MAX_PROOF_LINES || hashes.some((hash) => hash.byteLength !== 32))
    throw malformed("a hash is none");
  const extra = extraLine === undefined ? {} : { extra: decode(extraLine.slice("extra ".length)) };
  return { index: Number(index), hashes, ...extra, checkpoint: text.slice(split + 2) };
}

/** What a verified proof shows. */
export interface ProvenEntry {
  readonly index: number;
  readonly entry: Uint8Array;
  readonly checkpoint: Checkpoint;
  /** Names of those witnesses, of the ones asked about, whose cosignatures hold. */
  readonly witnesses: readonly string[];
}

/**
 * Checks a proof against the log's key. `entry`, when given, is what must be proven; else the one in the proof is.
 * @throws {AuditError} "audit/malformed"; "audit/not-proven"
 */
export function verifyTlogProof(
  proof: TlogProof,
  keys: { readonly log: NoteVerifier; readonly witnesses: readonly NoteVerifier[] },
  entry: Uint8Array | undefined = proof.extra,
): ProvenEntry {
  if (entry === undefined) throw malformed("it has no record with it, and none was given");
  const checkpoint = verifyCheckpoint(proof.checkpoint, keys.log);
  const { index, hashes } = proof;
  const root = rootOfInclusion(leafHash(entry), { index, size: checkpoint.size, proof: hashes });
  if (root === undefined || !isSameHash(root, checkpoint.root)) {
    throw new AuditError(
      "audit/not-proven",
      `Cannot prove record ${index}: its hash does not lead to the signed root`,
      {
        hint: "the record or the proof was changed: ask for both again",
      },
    );
  }
  const witnesses = keys.witnesses.filter((key) => findSignature(checkpoint.note, key) !== undefined);
  return { index, entry, checkpoint, witnesses: witnesses.map((key) => key.name) };
}

function decode(text: string): Uint8Array {
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") === text) return bytes;
  throw malformed("a line is not base64");
}

function malformed(why: string): AuditError {
  return new AuditError("audit/malformed", `Cannot read proof: ${why}`, { hint: "make it again: gantry audit prove" });
}
