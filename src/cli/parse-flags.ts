import { usageError } from "./errors.ts";
import type { FlagSpec, FlagSpecs } from "./flag-spec.ts";
import { suggest } from "./suggest.ts";
import { type Token, tokenizeArgv } from "./tokenize-argv.ts";

/** A flag or an operand, in the order typed. Boolean flags have the value "true" or "false". */
export type Word =
  | {
      readonly kind: "flag";
      readonly name: string;
      readonly spec: FlagSpec;
      readonly typed: string;
      readonly value: string;
    }
  | { readonly kind: "operand"; readonly value: string };

/** Checked words, and those behind them that were not looked at. */
export interface ParsedWords {
  readonly words: readonly Word[];
  readonly rest: readonly string[];
}

/**
 * Reads flags and operands in order. Stops before the operand that follows `maxOperands` others: it and everything
 * behind it are `rest`. @throws {CliError} "cli/usage" for a flag that is unknown or lacks its value.
 */
export function parseWords(argv: readonly string[], specs: FlagSpecs, maxOperands = Infinity): ParsedWords {
  const byName = namesOf(specs);
  const words: Word[] = [];
  let operands = 0;
  for (const token of tokensOf(argv, specs)) {
    if (token.kind === "positional") {
      if (operands === maxOperands) return { words, rest: argv.slice(token.index) };
      operands++;
      words.push({ kind: "operand", value: token.value });
    }
    if (token.kind !== "option") continue;
    const name = byName.get(token.name);
    const spec = name === undefined ? undefined : specs[name];
    if (name === undefined || spec === undefined) throw unknownFlag(token.rawName, byName);
    words.push({
      kind: "flag",
      name,
      spec,
      typed: token.rawName,
      value: checkedValue(token.rawName, token.value, spec),
    });
  }
  return { words, rest: [] };
}

function tokensOf(argv: readonly string[], specs: FlagSpecs): Iterable<Token> {
  const takesValue = new Map<string, boolean>();
  const short = new Map<string, string>();
  for (const [name, spec] of Object.entries(specs)) {
    const takes = spec.type !== "boolean" && spec.bare === undefined;
    for (const one of [name, ...(spec.aliases ?? [])]) takesValue.set(one, takes);
    if (spec.short !== undefined) short.set(spec.short, name);
  }
  return tokenizeArgv(argv, { takesValue, short });
}

function namesOf(specs: FlagSpecs): Map<string, string> {
  const names = new Map<string, string>();
  for (const [name, spec] of Object.entries(specs)) {
    for (const one of [name, ...(spec.aliases ?? [])]) names.set(one, name);
  }
  return names;
}

function checkedValue(typed: string, value: string | undefined, spec: FlagSpec): string {
  const given = value ?? (spec.type === "boolean" ? "true" : spec.bare);
  if (given === undefined) {
    throw usageError(
      `Cannot use flag "${typed}": its value is missing`,
      `write ${typed} ${spec.placeholder ?? "VALUE"}`,
    );
  }
  const choices = spec.type === "boolean" ? ["true", "false"] : spec.choices;
  if (choices !== undefined && !choices.includes(given)) {
    throw usageError(
      `Cannot use flag "${typed}": "${given}" is not one of its values`,
      `use one of ${choices.join(", ")}`,
    );
  }
  return given;
}

function unknownFlag(typed: string, names: ReadonlyMap<string, string>) {
  const near = suggest(typed.replace(/^-+/, ""), [...names.keys()]);
  return usageError(
    `Cannot use flag "${typed}": there is none of that name`,
    near === undefined || !typed.startsWith("--") ? "see the flags with --help" : `did you mean --${near}?`,
  );
}

/** Flags of one command line by name; the last one typed wins, except for repeatable ones. */
export class ParsedFlags {
  readonly #values = new Map<string, string[]>();

  constructor(words: readonly Word[]) {
    for (const word of words) {
      if (word.kind !== "flag") continue;
      const values = this.#values.get(word.name);
      if (values === undefined) this.#values.set(word.name, [word.value]);
      else values.push(word.value);
    }
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  strings(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  string(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }

  boolean(name: string): boolean {
    return this.string(name) === "true";
  }
}
