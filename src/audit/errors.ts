import { EngineError } from "../base/errors.ts";

/** Closed set of failures of the event log. */
export type AuditErrorCode = "audit/too-large";

/** The event log cannot record something. */
export class AuditError extends EngineError<AuditErrorCode> {}
