import type { CommandEntry } from "./command.ts";
import { usageError } from "./errors.ts";
import { suggest } from "./suggest.ts";

/** The entry with exactly this name or alias; prefixes are not accepted, because new verbs would change their meaning. */
export function findCommand(table: readonly CommandEntry[], typed: string, above = ""): CommandEntry {
  const entry = table.find((one) => one.name === typed || one.aliases?.includes(typed) === true);
  if (entry !== undefined) return entry;
  const known = table.filter((one) => one.hidden !== true).flatMap((one) => [one.name, ...(one.aliases ?? [])]);
  const near = suggest(typed, known);
  throw usageError(
    `Cannot find command "${above}${typed.slice(0, 80)}"`,
    near === undefined ? `see: gantry ${above}--help` : `did you mean: gantry ${above}${near}?`,
  );
}
