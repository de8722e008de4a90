import { type Digest, parseDigest } from "../digest.ts";
import type { DocumentCheck } from "../document-check.ts";

/** Spec: appc 0.8.11, types.md "AC Identifier Type". */
const IDENTIFIER = /^[a-z0-9]+([-._~/][a-z0-9]+)*$/;
/** Spec: appc 0.8.11, types.md "AC Name Type". */
const NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/;
/** Spec: RFC 3339, section 5.6; the "T" is demanded by appc 0.8.11, types.md "Timestamps Type". */
const TIMESTAMP = /^\d{4}-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;
const IMAGE_ID = /^sha512-[0-9a-f]{128}$/;

/** Whether the text is an AC Name. */
export function isAcName(text: string): boolean {
  return NAME.test(text);
}

/** Whether the text is an AC Identifier. */
export function isAcIdentifier(text: string): boolean {
  return IDENTIFIER.test(text);
}

/** The AC Identifier at `path`. */
export function readIdentifier(check: DocumentCheck, value: unknown, path: string): string {
  const text = check.text(value, path);
  if (value !== undefined && value !== null && typeof value === "string" && !IDENTIFIER.test(text))
    check.report(path, "not an AC Identifier (lower-case letters and digits, single - . _ ~ / between them)");
  return text;
}

/** The AC Name at `path`. */
export function readName(check: DocumentCheck, value: unknown, path: string): string {
  const text = check.text(value, path);
  if (typeof value === "string" && !NAME.test(text))
    check.report(path, "not an AC Name (lower-case letters and digits, single dashes between them)");
  return text;
}

/** A truth value; absent or null is `fallback`. */
export function readBoolean(check: DocumentCheck, value: unknown, path: string, fallback = false): boolean {
  if (value === undefined || value === null) return fallback;
  if (typeof value !== "boolean") check.report(path, "not true or false");
  return value === true;
}

/** A whole number within bounds; absent or null is `fallback`, or a problem when that is undefined. */
export function readInteger(
  check: DocumentCheck,
  { value, path }: { readonly value: unknown; readonly path: string },
  bounds: { readonly min: number; readonly max: number; readonly fallback?: number },
): number {
  if ((value === undefined || value === null) && bounds.fallback !== undefined) return bounds.fallback;
  const isWhole = typeof value === "number" && Number.isSafeInteger(value);
  if (isWhole && value >= bounds.min && value <= bounds.max) return value;
  check.report(path, value === undefined ? "missing" : `not a whole number from ${bounds.min} to ${bounds.max}`);
  return bounds.fallback ?? bounds.min;
}

/** Absolute path without ".."; `what` the path is for. Absent is a problem. */
export function readAbsolutePath(check: DocumentCheck, value: unknown, path: string): string {
  const text = check.text(value, path);
  if (typeof value !== "string" || text === "") return text === "" && value === "" ? reportPath(check, path) : text;
  if (!text.startsWith("/") || text.split("/").includes("..")) reportPath(check, path);
  return text;
}

function reportPath(check: DocumentCheck, path: string): string {
  check.report(path, 'not an absolute path without ".."');
  return "";
}

/** Spec: appc 0.8.11, types.md "AC Version Type": SemVer 2.0.0, same major version as ours, not zero. */
export function readVersion(check: DocumentCheck, value: unknown, path: string): string {
  const text = check.text(value, path);
  if (text === "") {
    if (value === "") check.report(path, "missing");
    return text;
  }
  const [, major, minor, patch] = SEMVER.exec(text) ?? [];
  if (major === undefined) check.report(path, "not a SemVer 2.0.0 version such as 0.8.11");
  else if (major !== "0") check.report(path, `major version ${major.slice(0, 20)} is not supported, only 0`);
  else if (minor === "0" && patch === "0" && text === "0.0.0") check.report(path, "is zero");
  return text;
}

const SEMVER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?$/;

/** Whether the text is an RFC 3339 moment that exists in the calendar. */
export function isTimestamp(text: string): boolean {
  const [, month, day, hour, minute, second] = TIMESTAMP.exec(text) ?? [];
  if (month === undefined || Number.isNaN(Date.parse(text))) return false;
  return Number(month) <= 12 && Number(day) <= 31 && Number(hour) <= 23 && Number(minute) <= 59 && Number(second) <= 60;
}

/** Image ID (`sha512-HEX`) as a digest; a stand-in that matches nothing when bad. Spec: appc 0.8.11, types.md "Image ID Type". */
export function readImageId(check: DocumentCheck, value: unknown, path: string): Digest {
  const text = check.text(value, path);
  const id = parseImageId(text);
  if (id !== undefined) return id;
  if (typeof value === "string") check.report(path, "not an image ID (sha512- and 128 lower-case hex characters)");
  return parseDigest(`sha512:${"0".repeat(128)}`);
}

/** The digest behind `sha512-HEX`; undefined when it is none. */
export function parseImageId(text: string): Digest | undefined {
  return IMAGE_ID.test(text) ? parseDigest(text.replace("-", ":")) : undefined;
}

/** `sha512-HEX`, as appc writes it. */
export function formatImageId(id: Digest): string {
  return id.replace(":", "-");
}
