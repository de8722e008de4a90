import { EngineError } from "../base/errors.ts";

/** Closed set of failures of attesting a fleet. */
export type AttestErrorCode =
  | "attest/bad-name"
  /** A policy file that cannot be used. */
  | "attest/bad-policy"
  | "attest/unknown-node"
  /** The node does not answer in time, or not at all. */
  | "attest/unreachable"
  /** It answers that it is asked too often. */
  | "attest/busy"
  | "attest/unauthorized"
  /** It answers with something that is no answer. */
  | "attest/bad-answer"
  /** It answers that it cannot: no TPM, no anchor. `data.code` says what. */
  | "attest/node-failed"
  /** What a node shows does not hold: keys, signatures, certificates. */
  | "attest/not-proven"
  /** A node of this name is known with another TPM or another log. */
  | "attest/changed";

/** A node cannot be enrolled, asked or judged. */
export class AttestError extends EngineError<AttestErrorCode> {}
