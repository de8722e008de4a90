/** What kind of tampering or damage a check found. The names are API. */
export type ProblemKind =
  /** A line was changed: it is no canonical record, or its content does not fit its digest. */
  | "record-edited"
  /** Records are missing in the middle, stand in another order, or others were put between. */
  | "record-missing"
  | "record-reordered"
  | "record-inserted"
  /** The log ends before what a checkpoint or a note in it says. */
  | "truncated"
  /** Lines, bundles and tiles do not say the same. */
  | "tiles-differ"
  | "tiles-missing"
  /** The checkpoint is not signed by this log's key, or is not of this log. */
  | "checkpoint-forged"
  | "checkpoint-malformed"
  /** Checkpoint and records are of different histories: one of them was replaced. */
  | "history-rewritten"
  /** An anchor record names another tree than the one that stands before it. */
  | "anchor-record-wrong"
  /** The TPM has seen more than the log has: log and checkpoint were set back together. */
  | "rolled-back"
  | "index-recreated"
  | "index-missing"
  | "tpm-replaced"
  | "tpm-cleared"
  | "tpm-unavailable"
  /** The log names another key than the one demanded. */
  | "other-log";

/** One finding. */
export interface Problem {
  readonly record?: number;
  readonly kind: ProblemKind;
  readonly detail: string;
}
