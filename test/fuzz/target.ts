/** A parser that reads what others wrote. */
export interface FuzzTarget {
  readonly name: string;
  /** Share of all inputs; slow parsers get less. */
  readonly weight: number;
  /** Well-formed inputs that mutation starts from. */
  readonly seeds: readonly Uint8Array[];
  /** Pieces that mean something in this format. */
  readonly words: readonly string[];
  /** Gives the input to the parser. Errors of the engine are fine; whatever else comes out is a bug. */
  feed(input: Uint8Array): unknown;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Text as bytes. */
export function text(value: string): Uint8Array {
  return encoder.encode(value);
}

/** JSON as bytes. */
export function json(value: unknown): Uint8Array {
  return text(JSON.stringify(value));
}

/** A parser of text gets what a lenient decoder makes of the bytes. */
export function decoded(parse: (input: string) => unknown): (input: Uint8Array) => unknown {
  return (input) => parse(decoder.decode(input));
}

/** Pieces common to all JSON. */
export const JSON_WORDS: readonly string[] = [
  "null",
  "true",
  "[]",
  "{}",
  '""',
  "-1",
  "1e999",
  "9007199254740993",
  '"__proto__":',
  '"constructor":',
  "\\u0000",
  "\\ud800",
  '"a":1,"a":2,',
  "[[[[[[[[",
  '{"a":{"a":{"a":',
];
