import type { Command } from "./command.ts";
import { usageError } from "./errors.ts";
import type { ArgSpecs, FlagSpec } from "./flag-spec.ts";
import { parseDuration } from "./parse-duration.ts";
import type { ParsedFlags } from "./parse-flags.ts";

type FlagValue = boolean | string | number | readonly string[] | undefined;

/** Flag values by name in the types their declaration promises. */
export function bindFlags(command: Command, flags: ParsedFlags): Record<string, FlagValue> {
  const bound: Record<string, FlagValue> = {};
  for (const [name, spec] of Object.entries(command.flags)) bound[name] = bindFlag(name, spec, flags);
  return bound;
}

function bindFlag(name: string, spec: FlagSpec, flags: ParsedFlags): FlagValue {
  const text = flags.string(name);
  switch (spec.type) {
    case "boolean":
      return text === "true";
    case "strings":
      return flags.strings(name);
    case "string":
      return text;
    case "duration":
      return text === undefined ? undefined : parseDuration(text);
    case "integer":
      return text === undefined ? undefined : parseInteger(name, text);
  }
}

function parseInteger(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) {
    throw usageError(`Cannot use flag "--${name}": "${text.slice(0, 80)}" is not a whole number`, "write digits only");
  }
  return Number(text);
}

/** Operands by argument name. @throws {CliError} "cli/usage" when one is missing or left over. */
export function bindArgs(
  path: string,
  specs: ArgSpecs,
  operands: readonly string[],
): Record<string, string | readonly string[] | undefined> {
  const bound: Record<string, string | readonly string[] | undefined> = {};
  const hint = `see: gantry ${path} --help`;
  let at = 0;
  for (const [name, spec] of Object.entries(specs)) {
    const takesRest = spec.many === true || spec.raw === true;
    if (operands.length <= at && spec.optional !== true) {
      throw usageError(`Cannot ${path}: argument ${name.toUpperCase()} is missing`, hint);
    }
    bound[name] = takesRest ? operands.slice(at) : operands[at];
    at = takesRest ? operands.length : at + 1;
  }
  const extra = operands[at];
  if (extra !== undefined) throw usageError(`Cannot ${path}: argument "${extra}" is one too many`, hint);
  return bound;
}

/** How many operands may have flags between them: those before the raw argument, if there is one. */
export function operandsBeforeRaw(specs: ArgSpecs): number {
  const rawAt = Object.values(specs).findIndex((spec) => spec.raw === true);
  return rawAt === -1 ? Infinity : rawAt;
}
