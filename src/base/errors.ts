/** What every engine error may carry besides its code and message. */
export interface ErrorDetails {
  /** Imperative, lower case: the next thing to do or type. */
  readonly hint?: string;
  /** Facts for programs: never secrets, never environment values. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** The foreign or lower error that led here. */
  readonly cause?: unknown;
}

/**
 * Base of all errors Gantry raises on purpose. `code` is API ("folder/reason"): tests, exit codes and CRI match it,
 * never the text. Whatever escapes without being an EngineError is a bug (exit 70).
 */
export class EngineError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly hint: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(code: Code, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = details.hint;
    this.data = details.data ?? {};
  }
}

/** Compile-time proof that a switch over a union is exhaustive; reaching it is a bug. */
export function assertNever(value: never): never {
  throw new EngineError("base/bug", `Cannot handle value: ${JSON.stringify(value)}`);
}

/** The message of any thrown value, for putting a foreign reason behind our own text. */
export function formatReason(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
