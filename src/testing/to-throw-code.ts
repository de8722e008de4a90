import { expect } from "bun:test";

interface MatcherResult {
  readonly pass: boolean;
  readonly message: () => string;
}

/**
 * The matcher `toThrowCode`: passes when the function throws, or the promise rejects with, an error whose `code` is
 * exactly the given one. With a promise or an async function the assertion must be awaited.
 */
export function toThrowCode(actual: unknown, code: unknown): MatcherResult | Promise<MatcherResult> {
  if (typeof actual !== "function") return settle(actual, code);
  try {
    const result: unknown = actual();
    return result instanceof Promise ? settle(result, code) : verdict(undefined, code);
  } catch (reason) {
    return verdict({ reason }, code);
  }
}

function settle(actual: unknown, code: unknown): MatcherResult | Promise<MatcherResult> {
  // After `.rejects` the matcher receives the error itself.
  if (!(actual instanceof Promise)) return verdict({ reason: actual }, code);
  return actual.then(
    () => verdict(undefined, code),
    (reason: unknown) => verdict({ reason }, code),
  );
}

function verdict(thrown: { readonly reason: unknown } | undefined, code: unknown): MatcherResult {
  const got = thrown === undefined ? undefined : codeOf(thrown.reason);
  const what =
    thrown === undefined
      ? "nothing was thrown"
      : `got ${got === undefined ? "no code" : `"${String(got)}"`}: ${String(thrown.reason)}`;
  return {
    pass: thrown !== undefined && got === code,
    message: () => `expected an error with code "${String(code)}", ${what}`,
  };
}

function codeOf(reason: unknown): unknown {
  return typeof reason === "object" && reason !== null && "code" in reason ? reason.code : undefined;
}

declare module "bun:test" {
  interface Matchers<T> {
    /** Asserts the `code` of the error, never its text. Await it when `T` is a promise or an async function. */
    toThrowCode(
      code: string,
    ): T extends Promise<unknown> | ((...args: never[]) => Promise<unknown>) ? Promise<void> : void;
  }
}

// The one side effect at import in src/: bunfig.toml preloads this file before every test.
expect.extend({ toThrowCode });
