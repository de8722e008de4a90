import { EngineError, formatReason } from "../base/errors.ts";
import { printable } from "./format-values.ts";

/** JSON shape of an error on stderr with `--json`. */
export interface ErrorReport {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly hint?: string;
    readonly exitCode: number;
  };
}

/** Text for stderr: message, hint, and with `debug` the chain of causes. Anything but an EngineError is shown as a bug. */
export function renderError(error: unknown, debug: boolean): string {
  if (!(error instanceof EngineError) || error.code === "base/bug") return renderBug(error);
  const lines = [`gantry: ${clean(error.message)}`];
  if (debug) lines.push(`code: ${error.code}`, ...renderCauses(error.cause, 1));
  if (error.hint !== undefined) lines.push(`hint: ${clean(error.hint)}`);
  return lines.join("\n");
}

/** The same for programs. */
export function reportError(error: unknown, exitCode: number): ErrorReport {
  if (!(error instanceof EngineError)) return { error: { code: "base/bug", message: formatReason(error), exitCode } };
  const hint = error.hint === undefined ? {} : { hint: error.hint };
  return { error: { code: error.code, message: error.message, ...hint, exitCode } };
}

function renderCauses(cause: unknown, depth: number): string[] {
  if (cause === undefined || depth > 12) return [];
  const indent = "  ".repeat(depth);
  const code = cause instanceof EngineError ? ` [${cause.code}]` : "";
  const line = `${indent}because: ${clean(formatReason(cause))}${code}`;
  if (cause instanceof AggregateError) return [line, ...cause.errors.flatMap((one) => renderCauses(one, depth + 1))];
  if (cause instanceof SuppressedError) {
    return [line, ...renderCauses(cause.error, depth + 1), ...renderCauses(cause.suppressed, depth + 1)];
  }
  return [line, ...(cause instanceof Error ? renderCauses(cause.cause, depth + 1) : [])];
}

function renderBug(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `gantry: this is a bug in Gantry, not in what you did\n${stack.split("\n").map(printable).join("\n")}\nhint: report it with the text above and the output of: gantry doctor`;
}

function clean(text: string): string {
  return text.split("\n").map(printable).join("\n  ");
}
