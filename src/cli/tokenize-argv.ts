/** One word of a command line: a flag as typed, an operand, or the `--` that ends flags. */
export type Token =
  | { readonly kind: "option"; readonly name: string; readonly rawName: string; readonly value: string | undefined }
  | { readonly kind: "positional"; readonly index: number; readonly value: string }
  | { readonly kind: "option-terminator" };

/** What a flag is: names lead to whether it takes a value; short names are single letters. */
export interface TokenSyntax {
  readonly takesValue: ReadonlyMap<string, boolean>;
  readonly short: ReadonlyMap<string, string>;
}

/**
 * Splits a command line as node:util's parseArgs does, which a test holds it against; loading node:util would cost every
 * command a quarter of the time that Bun takes to start. Unknown flags are told by their name and take no value.
 */
export function* tokenizeArgv(argv: readonly string[], syntax: TokenSyntax): Generator<Token> {
  const rest = [...argv];
  const takeValue = (name: string): string | undefined =>
    syntax.takesValue.get(name) === true ? rest.shift() : undefined;
  for (;;) {
    const index = argv.length - rest.length;
    const arg = rest.shift();
    if (arg === undefined) return;
    if (arg === "--") {
      yield { kind: "option-terminator" };
      yield* rest.map((value, i) => ({ kind: "positional" as const, index: index + 1 + i, value }));
      return;
    }
    if (!arg.startsWith("-") || arg === "-") yield { kind: "positional", index, value: arg };
    else if (arg.startsWith("--")) {
      const equals = arg.indexOf("=", 3);
      const name = equals === -1 ? arg.slice(2) : arg.slice(2, equals);
      yield {
        kind: "option",
        name,
        rawName: `--${name}`,
        value: equals === -1 ? takeValue(name) : arg.slice(equals + 1),
      };
    } else yield* shortOptions(arg, { syntax, takeValue });
  }
}

/** `-v`, `-p8080:80`, or several in one: all of them take no value, but the last may. */
function* shortOptions(
  arg: string,
  { syntax, takeValue }: { readonly syntax: TokenSyntax; readonly takeValue: (name: string) => string | undefined },
): Generator<Token> {
  for (let at = 1; at < arg.length; at++) {
    const letter = arg.charAt(at);
    const name = syntax.short.get(letter) ?? letter;
    const isLast = at === arg.length - 1;
    const takesRest = !isLast && syntax.takesValue.get(name) === true;
    const value = takesRest ? arg.slice(at + 1) : isLast ? takeValue(name) : undefined;
    yield { kind: "option", name, rawName: `-${letter}`, value };
    if (takesRest) return;
  }
}
