import { formatCanonicalJson } from "../canonical-json.ts";
import { sha256Hex } from "../merkle/hash.ts";

/** Largest record in bytes: what an entry of a bundle can hold. Spec: C2SP tlog-tiles v1, uint16 lengths. */
export const MAX_RECORD_BYTES = 65_535;

/** Members of an event that are longer are recorded by digest when the record would be too large. */
const KEEP_BYTES = 512;

/** `content_type` of our records; `content.type` says which event. */
export const CONTENT_TYPE = "gantry";

/** What is recorded: an event with its circumstances. */
export type RecordContent = { readonly type: string } & Readonly<Record<string, unknown>>;

/** One record of the log. Spec: TCG Canonical Event Log 1.0, JSON encoding. */
export interface LogRecord {
  readonly recnum: number;
  /** Handle of the NV index that `digests` was extended into; absent for events, which an anchor record covers. */
  readonly nv_index?: number;
  readonly digests: readonly [{ readonly hashAlg: "sha256"; readonly digest: string }];
  readonly content_type: string;
  readonly content: RecordContent;
}

/** Where a record goes. */
export interface RecordPlace {
  readonly recnum: number;
  readonly nvIndex?: number | undefined;
}

/** Canonical text of a record (no newline) and the digest over its content. Spec: RFC 8785. */
export function formatRecord(
  content: RecordContent,
  place: RecordPlace,
): { readonly line: string; readonly digest: string } {
  const whole = formatParts(formatCanonicalJson(content), CONTENT_TYPE, place);
  if (Buffer.byteLength(whole.line) <= MAX_RECORD_BYTES) return whole;
  return formatParts(formatCanonicalJson(shorten(content)), CONTENT_TYPE, place);
}

const HEAD = '{"content":';

/** A record from its canonical content: the members in the order that RFC 8785 wants. */
function formatParts(
  content: string,
  contentType: string,
  place: RecordPlace,
): { readonly line: string; readonly digest: string } {
  const digest = sha256Hex(content);
  return { line: `${HEAD}${content}${formatTail(digest, contentType, place)}`, digest };
}

/** What follows the content. */
function formatTail(digest: string, contentType: string, { recnum, nvIndex }: RecordPlace): string {
  const handle = nvIndex === undefined ? "" : `"nv_index":${nvIndex},`;
  return `,"content_type":${JSON.stringify(contentType)},"digests":[{"digest":"${digest}","hashAlg":"sha256"}],${handle}"recnum":${recnum}}`;
}

/** What is too long is replaced by its digest and size; short members, by which events are found, stay. */
function shorten(content: RecordContent): RecordContent {
  const members = Object.entries(content).map(([name, value]) => {
    const text = formatCanonicalJson(value);
    const sizeBytes = Buffer.byteLength(text);
    return [name, sizeBytes <= KEEP_BYTES ? value : { sha256: sha256Hex(text), sizeBytes }];
  });
  return { ...Object.fromEntries(members), type: content.type, shortened: true };
}

/** Why a line is no record of ours. */
export type RecordFault = "malformed" | "not-canonical" | "wrong-digest";

/**
 * Reads one line strictly: it must be exactly what `formatRecord` makes, and its digest must fit.
 * A fault is returned, not thrown, because finding faults is what callers are for.
 */
export function parseRecord(line: Uint8Array): LogRecord | RecordFault {
  const text = Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString("utf8");
  const record = readRecord(text);
  if (record === undefined) return "malformed";
  const [{ digest }] = record.digests;
  const { recnum, content_type: contentType } = record;
  const tail = formatTail(digest, contentType, { recnum, nvIndex: record.nv_index });
  if (!text.startsWith(HEAD) || !text.endsWith(tail)) return "not-canonical";
  const content = line.subarray(HEAD.length, line.byteLength - Buffer.byteLength(tail));
  if (sha256Hex(content) !== digest) return "wrong-digest";
  return isCanonical(record.content, text.slice(HEAD.length, text.length - tail.length)) ? record : "not-canonical";
}

/** Canonical text is what the fast serialiser gives back, with all names in order; what it cannot decide, the slow one does. */
function isCanonical(content: RecordContent, text: string): boolean {
  return (JSON.stringify(content) === text && isSorted(content)) || formatCanonicalJson(content) === text;
}

function isSorted(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) return value.every(isSorted);
  let before = "";
  for (const name in value) {
    if (name < before || !isSorted((value as Readonly<Record<string, unknown>>)[name])) return false;
    before = name;
  }
  return true;
}

/** Reads one line without checking its digest; undefined when it is no record. */
export function readRecord(line: string): LogRecord | undefined {
  let value: Partial<LogRecord> | null;
  try {
    value = JSON.parse(line) as Partial<LogRecord> | null;
  } catch {
    // Not JSON, so not a record: which is the answer.
    return undefined;
  }
  const isRecord =
    typeof value === "object" &&
    value !== null &&
    Number.isSafeInteger(value.recnum) &&
    typeof value.content_type === "string" &&
    typeof value.content === "object" &&
    value.content !== null &&
    typeof value.content.type === "string" &&
    typeof value.digests?.[0]?.digest === "string" &&
    (value.nv_index === undefined || Number.isSafeInteger(value.nv_index));
  return isRecord ? (value as LogRecord) : undefined;
}
