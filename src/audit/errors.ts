import { EngineError } from "../base/errors.ts";

/** Closed set of failures of the event log and its anchor. */
export type AuditErrorCode =
  /** The log refuses an append, and policy says that nothing may happen unrecorded. */
  | "audit/not-recorded"
  /** Text or a file that is no signed note, checkpoint, proof, key or package. */
  | "audit/malformed"
  /** A signature, proof or certified value does not hold. */
  | "audit/not-proven"
  | "audit/not-found"
  /** The log was changed by something else than Gantry. */
  | "audit/tampered"
  | "audit/bad-config"
  /** No TPM, or it does not answer. */
  | "audit/no-tpm"
  /** The TPM answers, with a refusal. */
  | "audit/tpm-refused"
  /** Policy demands an anchor and there is none. */
  | "audit/not-anchored"
  | "audit/not-initialised"
  /** A witness or its answer cannot be used. */
  | "audit/witness-failed";

/** The event log cannot record, prove or check something. */
export class AuditError extends EngineError<AuditErrorCode> {}
