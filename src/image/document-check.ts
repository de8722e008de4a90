import type { ErrorDetails } from "../base/errors.ts";
import { type Digest, parseDigest } from "./digest.ts";
import { ImageError, type ImageErrorCode } from "./errors.ts";

/** Problems named per document; a hostile one could have millions. */
const MAX_PROBLEMS = 50;
const MAX_TEXT = 64 * 1024;
const MAX_MAP_ENTRIES = 4096;

/** A JSON object whose fields have not been looked at. */
export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Reads the fields of one foreign JSON document and remembers *every* bad one by its path, so that the error names them
 * all at once. Readers return a harmless stand-in for a bad field; call `finish` before using any result.
 */
export class DocumentCheck {
  readonly problems: string[] = [];
  readonly #code: ImageErrorCode;
  readonly #what: string;

  constructor(code: ImageErrorCode, what: string) {
    this.#code = code;
    this.#what = what;
  }

  /** Notes that the field at `path` is not acceptable. */
  report(path: string, problem: string): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push(`${path === "" ? "document" : path}: ${problem}`);
  }

  /** @throws {ImageError} the document's code when anything was reported; `data.problems` has one line per field. */
  finish(details: ErrorDetails = {}): void {
    const [first] = this.problems;
    if (first === undefined) return;
    const more = this.problems.length > 1 ? ` (and ${this.problems.length - 1} more)` : "";
    throw new ImageError(this.#code, `Cannot accept ${this.#what}: ${first}${more}`, {
      hint: "tell the publisher of the image, or use another version of it",
      ...details,
      data: { problems: this.problems, ...details.data },
    });
  }

  /** The object at `path`; JSON null counts as absent, as Go programs write it. */
  object(value: unknown, path: string): JsonObject {
    if (isJsonObject(value)) return value;
    this.report(path, value === undefined || value === null ? "missing" : "not an object");
    return {};
  }

  /** Absent or null is an empty list. */
  list(value: unknown, path: string, maxEntries: number): readonly unknown[] {
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) {
      this.report(path, "not a list");
      return [];
    }
    if (value.length <= maxEntries) return value;
    this.report(path, `has ${value.length} entries, more than ${maxEntries}`);
    return [];
  }

  /** Text of at most 64 KiB without NUL; absent or null is `fallback`, or a problem when that is undefined. */
  text(value: unknown, path: string, fallback?: string): string {
    if (value === undefined || value === null) {
      if (fallback === undefined) this.report(path, "missing");
      return fallback ?? "";
    }
    if (typeof value !== "string") this.report(path, "not a string");
    else if (value.length > MAX_TEXT) this.report(path, `longer than ${MAX_TEXT} characters`);
    else if (value.includes("\0")) this.report(path, "contains a NUL character");
    else return value;
    return "";
  }

  /** List of texts; absent or null is empty. */
  texts(value: unknown, path: string): string[] {
    return this.list(value, path, MAX_MAP_ENTRIES).map((entry, i) => this.text(entry, `${path}[${i}]`));
  }

  /** Map of texts (annotations, labels); absent or null is empty. */
  textMap(value: unknown, path: string): Record<string, string> {
    const out: Record<string, string> = Object.create(null);
    for (const key of this.keys(value, path)) out[key] = this.text(this.object(value, path)[key], `${path}.${key}`, "");
    return out;
  }

  /** Keys of an object used as a set or map; absent or null is empty. */
  keys(value: unknown, path: string): string[] {
    if (value === undefined || value === null) return [];
    const keys = Object.keys(this.object(value, path));
    if (keys.length > MAX_MAP_ENTRIES) this.report(path, `has more than ${MAX_MAP_ENTRIES} entries`);
    return keys.slice(0, MAX_MAP_ENTRIES);
  }

  /** An exact non-negative whole number up to `max`. */
  size(value: unknown, path: string, max: number): number {
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= max) return value;
    this.report(path, value === undefined ? "missing" : `not a whole number from 0 to ${max}`);
    return 0;
  }

  /** A digest; a stand-in that matches nothing when bad. */
  digest(value: unknown, path: string): Digest {
    const text = this.text(value, path);
    try {
      return parseDigest(text);
    } catch (reason) {
      // The reason is kept: it becomes one line among the document's problems.
      if (text !== "")
        this.report(path, reason instanceof ImageError ? `${reason.message} (${reason.hint})` : "bad digest");
      return parseDigest(`sha256:${"0".repeat(64)}`);
    }
  }
}

function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
