import type { AnchorFacts } from "../audit/events.ts";

/** What `audit log` asks for; undefined fields match everything. */
export interface EventFilter {
  readonly pod?: string;
  readonly kinds: readonly string[];
  /** RFC 3339. */
  readonly since?: string;
  readonly tail?: number;
}

/** One audit record as listed: JSON shape of a row of `audit log`. */
export interface EventSummary {
  /** Its number in the log, by which it can be proven. */
  readonly record: number;
  readonly at: string;
  readonly kind: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Input of `audit init`. */
export interface AuditInitInput {
  /** Begin a new index even if there is one. */
  readonly force: boolean;
  /** Password of the TPM's owner hierarchy; usually empty. */
  readonly ownerAuth: string;
}

/** What identifies this log; kept elsewhere it uncovers a log that was replaced as a whole. JSON shape of `audit init`. */
export interface AuditIdentity {
  readonly vkey: string;
  readonly anchor?: AnchorFacts;
}

/** Input of `audit check`. */
export interface AuditCheckInput {
  /** A verifier key kept elsewhere, which the log must be signed with. */
  readonly vkey?: string;
  /** A copy or an archive to check instead of this host's log; the TPM is left out then. */
  readonly log?: string;
  /** Leave the TPM out. */
  readonly offline: boolean;
}

/** JSON shape of `audit check`. */
export interface AuditVerdict {
  readonly ok: boolean;
  readonly size: number;
  /** Root hash over all records, base64 as in checkpoints. */
  readonly root: string;
  /** What the log's head is held against in hardware. */
  readonly anchor: "anchored" | "unanchored" | "not checked" | "broken";
  /** How many records the anchor covers. */
  readonly anchoredSize: number;
  /** In the order of the log; empty when all is well. */
  readonly problems: readonly AuditProblem[];
  /** What is no tampering, but worth knowing: repaired crashes, records not yet in a checkpoint. */
  readonly remarks: readonly string[];
}

/** One thing that is wrong. */
export interface AuditProblem {
  /** Number of the first record concerned, when there is one. */
  readonly record?: number;
  readonly kind: string;
  readonly detail: string;
}

/** Input of `audit verify-proof`. Keys are vkeys. */
export interface ProofInput {
  readonly proof: string;
  readonly vkey: string;
  /** Witnesses that must have cosigned. */
  readonly witnessKeys: readonly string[];
  /** What must be proven; default: the record in the proof. */
  readonly record?: string;
}

/** JSON shape of `audit verify-proof`. */
export interface ProvenEvent {
  readonly index: number;
  readonly origin: string;
  readonly size: number;
  readonly witnesses: readonly string[];
  readonly record: string;
}

/** Input of `audit export`. */
export interface AuditExportInput {
  readonly format: "jsonl" | "cel" | "journald";
}

/** Input of `audit witness`. */
export interface WitnessInput {
  /** Submission prefix. */
  readonly url: string;
  /** The witness's vkey. */
  readonly key: string;
}

/** JSON shape of `audit witness`. */
export interface Witnessed {
  readonly size: number;
  readonly witness: string;
}

/** Input of `audit serve`. */
export interface AuditServeInput {
  /** `ADDRESS:PORT`. */
  readonly listen: string;
  onListening(address: string): void;
}

/** JSON shape of `audit quote`. Binary parts, as tpm2-tools write them, are base64; digests and the nonce hexadecimal. */
export interface AuditQuote {
  readonly nonce: string;
  readonly vkey: string;
  /** Signed note over a tree whose last record is the newest anchor record. */
  readonly checkpoint: string;
  /** Everything the index was extended with, oldest first. */
  readonly anchors: readonly string[];
  /** C2SP tlog-proofs, with their records, of the first and the last of these. */
  readonly birthProof: string;
  readonly headProof: string;
  /** TPM2B_PUBLIC of the attestation key. */
  readonly ak: string;
  /** PEM, and the manufacturer's certificate when the TPM has one. */
  readonly ek: { readonly publicKey: string; readonly certificate?: string };
  /** TPMS_ATTEST over the index, and its signature. */
  readonly nv: { readonly message: string; readonly signature: string };
  readonly pcr: { readonly message: string; readonly signature: string; readonly values: string };
}

/** Input of `audit archive`. */
export interface AuditArchiveInput {
  /** Absolute path or relative to the working directory; made when missing. */
  readonly directory: string;
  /** How many of the newest records must stay. */
  readonly keep: number;
}

/** JSON shape of `audit archive`. */
export interface AuditArchived {
  /** First record that is still in the log. */
  readonly first: number;
  readonly moved: number;
}

interface Options {
  readonly signal: AbortSignal;
}

/** The audit's part of the engine. */
export interface AuditCalls {
  listEvents(input: EventFilter, options: Options): Promise<readonly EventSummary[]>;
  /** Events from now on, as they are written, until `signal`. */
  followEvents(input: EventFilter, options: Options): AsyncIterable<EventSummary>;
  initAudit(input: AuditInitInput, options: Options): Promise<AuditIdentity>;
  checkAudit(input: AuditCheckInput, options: Options): Promise<AuditVerdict>;
  /** Text of a `.tlog-proof` file. */
  proveEvent(input: { readonly event: string }, options: Options): Promise<string>;
  verifyProof(input: ProofInput, options: Options): Promise<ProvenEvent>;
  exportEvents(input: AuditExportInput, options: Options): AsyncIterable<string>;
  witnessLog(input: WitnessInput, options: Options): Promise<Witnessed>;
  serveLog(input: AuditServeInput, options: Options): Promise<void>;
  quoteAudit(input: { readonly nonce: string }, options: Options): Promise<AuditQuote>;
  archiveLog(input: AuditArchiveInput, options: Options): Promise<AuditArchived>;
  /** Writes a file that the user named. */
  writeFile(input: { readonly path: string; readonly bytes: Uint8Array }): void;
  /** Makes a directory that the user named, unless it is there. */
  ensureDirectory(input: { readonly path: string }): void;
  /** End of a command: what it reported becomes durable, anchored and published. Reports failures as notes. */
  settle(): void;
}
