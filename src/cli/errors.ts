import { EngineError } from "../base/errors.ts";

/** Closed set of what the command line itself refuses. */
export type CliErrorCode = "cli/usage" | "cli/no-terminal" | "cli/declined" | "cli/bad-file" | "cli/interrupted";

/** A command line that cannot be followed, or a question that was not answered with yes. */
export class CliError extends EngineError<CliErrorCode> {}

/** "cli/usage": the words typed do not make a command. Refusals of usage always carry a hint. */
export function usageError(message: string, hint: string): CliError {
  return new CliError("cli/usage", message, { hint });
}
