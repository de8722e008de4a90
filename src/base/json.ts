import { BaseError } from "./base-error.ts";
import { scanJson } from "./scan-json.ts";

/** Any value that JSON can carry. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

const DEFAULT_MAX_DEPTH = 64;

/**
 * Reads JSON (bytes or text) that somebody else wrote: two parsers must never understand it differently. Refuses invalid UTF-8,
 * a byte order mark, duplicate keys, nesting beyond `maxDepth` (default 64) and anything larger than `limitBytes`.
 * @throws {BaseError} "base/bad-json" with the byte-free position (line, column) in the message. Spec: RFC 8259.
 */
export function parseJsonStrict(
  input: Uint8Array | string,
  options: { readonly limitBytes: number; readonly maxDepth?: number },
): JsonValue {
  const sizeBytes = typeof input === "string" ? Buffer.byteLength(input) : input.byteLength;
  if (sizeBytes > options.limitBytes) {
    throw new BaseError("base/bad-json", `Cannot read JSON: it has more than ${options.limitBytes} bytes`);
  }
  const text = typeof input === "string" ? input : decodeUtf8(input);
  scanJson(text, options.maxDepth ?? DEFAULT_MAX_DEPTH);
  return JSON.parse(text) as JsonValue;
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (reason) {
    throw new BaseError("base/bad-json", "Cannot read JSON: it is not UTF-8", { cause: reason });
  }
}

/**
 * The one text of a value: keys sorted by UTF-16 code units, no white space, members that are undefined left out.
 * Spec: RFC 8785.
 */
export function canonicalJson(value: unknown): string {
  return encode(JSON.parse(JSON.stringify(value)) as JsonValue);
}

/** Written out by hand: an object of the engine would move keys that look like numbers to the front. */
function encode(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(encode).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${encode(inner)}`).join(",")}}`;
}
