/** A JSON object as plugins see it; unknown members ride along untouched. */
export type JsonObject = Readonly<Record<string, unknown>>;

const MAX_DEPTH = 64;

/** Reviver context of the "JSON.parse source text access" proposal, which TypeScript does not describe yet. */
type SourceReviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

/** The half of the same proposal that writes a literal back as it was read. */
interface RawJson {
  parse(text: string, reviver: SourceReviver): unknown;
  rawJSON(text: string): unknown;
}

/**
 * Decodes JSON nested at most 64 deep. A number that a double would not print back the same (`1.0`, 2^64) becomes an opaque
 * value which JSON.stringify writes back literally, so configurations pass through unharmed.
 * @throws {SyntaxError} with the reason; callers wrap it with the name of the document.
 */
export function decodeJson(text: string): unknown {
  assertShallow(text);
  const json = JSON as unknown as RawJson;
  return json.parse(text, (_key, value, { source }) =>
    typeof value === "number" && source !== undefined && source !== String(value) ? json.rawJSON(source) : value,
  );
}

/** True for what JSON calls an object: neither null nor an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function assertShallow(text: string): void {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === "\\" && quoted) i++;
    else if (char === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (char === "{" || char === "[") depth++;
    else if (char === "}" || char === "]") depth--;
    if (depth > MAX_DEPTH) throw new SyntaxError(`nested more than ${MAX_DEPTH} deep`);
  }
}
