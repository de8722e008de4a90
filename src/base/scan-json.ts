import { BaseError } from "./base-error.ts";

const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SCALAR = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y;
const SPACE = /[ \t\n\r]*/y;

/**
 * Checks the whole grammar, and what the grammar leaves open: no key twice in one object, nesting within `maxDepth`.
 * @throws {BaseError} "base/bad-json"
 */
export function scanJson(text: string, maxDepth: number): void {
  const scanner = new Scanner(text, maxDepth);
  scanner.value(0);
  scanner.end();
}

class Scanner {
  readonly #text: string;
  readonly #maxDepth: number;
  #at = 0;

  constructor(text: string, maxDepth: number) {
    this.#text = text;
    this.#maxDepth = maxDepth;
  }

  value(depth: number): void {
    this.#take(SPACE);
    const first = this.#text[this.#at];
    if (first === "{") this.#object(depth + 1);
    else if (first === "[") this.#array(depth + 1);
    else if (first === '"') this.#string();
    else if (this.#take(SCALAR) === undefined) throw this.#error("a value is missing");
    this.#take(SPACE);
  }

  end(): void {
    if (this.#at < this.#text.length) throw this.#error("there is text after the value");
  }

  #object(depth: number): void {
    this.#enter(depth);
    const keys = new Set<string>();
    if (this.#skip("}")) return;
    do {
      this.#take(SPACE);
      const key = this.#string();
      if (keys.has(key)) throw this.#error(`the key ${JSON.stringify(key.slice(0, 80))} occurs twice`);
      keys.add(key);
      this.#take(SPACE);
      if (!this.#skip(":")) throw this.#error('":" is missing');
      this.value(depth);
    } while (this.#skip(","));
    if (!this.#skip("}")) throw this.#error('"}" is missing');
  }

  #array(depth: number): void {
    this.#enter(depth);
    if (this.#skip("]")) return;
    do this.value(depth);
    while (this.#skip(","));
    if (!this.#skip("]")) throw this.#error('"]" is missing');
  }

  #enter(depth: number): void {
    if (depth > this.#maxDepth) throw this.#error(`it is nested more than ${this.#maxDepth} deep`);
    this.#at++;
    this.#take(SPACE);
  }

  /** The decoded text, so that two spellings of one key are the same key. */
  #string(): string {
    const raw = this.#take(STRING);
    if (raw === undefined) throw this.#error("a string is missing or malformed");
    return raw.includes("\\") ? String(JSON.parse(raw)) : raw.slice(1, -1);
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const [found] = pattern.exec(this.#text) ?? [];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #skip(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #error(state: string): BaseError {
    const before = this.#text.slice(0, this.#at).split("\n");
    const [line, column] = [before.length, (before.at(-1)?.length ?? 0) + 1];
    return new BaseError("base/bad-json", `Cannot read JSON at line ${line}, column ${column}: ${state}`, {
      data: { line, column },
    });
  }
}
