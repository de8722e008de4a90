/** What is wrong with a node. The names are API: they stand in metrics, webhooks and JSON. */
export type NodeProblemKind =
  /** Nothing answers, or too slowly, or too often asked, or the token is refused, or what answers is no agent. */
  | "unreachable"
  | "bad-answer"
  /** The node says itself that its log is not in a TPM now. */
  | "anchor-missing"
  /** Other keys than those of the enrolment: another TPM, or the same one cleared. */
  | "tpm-replaced"
  | "tpm-cleared"
  /** The TPM's own counters went back: its state was restored. */
  | "tpm-rolled-back"
  | "quote-forged"
  | "quote-replayed"
  /** The index is not the one of the enrolment, or was made again. */
  | "index-recreated"
  /** The log is shorter than it was, or the TPM has recorded what it lacks. */
  | "rolled-back"
  /** Another history than the one shown before. */
  | "forked"
  | "record-edited"
  | "checkpoint-forged"
  | "other-log"
  | "policy-violation";

/** One thing that is wrong. */
export interface NodeProblem {
  readonly kind: NodeProblemKind;
  readonly detail: string;
  /** Number of the record it is about. */
  readonly record?: number;
}

/** What may pass by itself, and counts only when it lasts. */
const PASSING: ReadonlySet<NodeProblemKind> = new Set(["unreachable"]);

/** Whether a problem says only that nothing could be learned. */
export function isPassing({ kind }: NodeProblem): boolean {
  return PASSING.has(kind);
}
