import { EngineError } from "./errors.ts";

/** Malformed text that is no matter of a single domain. */
export type BaseErrorCode = "base/bad-json" | "base/bad-duration";

/** A document or value that cannot be read at all, whatever it was meant for. */
export class BaseError extends EngineError<BaseErrorCode> {}
