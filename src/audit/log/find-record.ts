import type { Files } from "../../sys/host.ts";
import { AuditError } from "../errors.ts";
import { SEGMENT_RECORDS, segmentPath } from "./log-layout.ts";
import { readMinimum } from "./pruning.ts";
import { readAllLines, readSegmentLines } from "./read-lines.ts";

/** A record as it stands in the log. */
export interface FoundRecord {
  readonly recnum: number;
  readonly line: Uint8Array;
}

/**
 * The record with this number, or whose content has the digest that begins so.
 * @throws {AuditError} "audit/not-found"; "audit/malformed" when a digest is ambiguous or too short
 */
export function findRecord(files: Files, name: string): FoundRecord {
  if (/^(0|[1-9][0-9]{0,14})$/.test(name)) return findByNumber(files, Number(name));
  if (!/^[0-9a-f]{8,64}$/.test(name)) {
    throw new AuditError(
      "audit/malformed",
      `Cannot find event "${name.slice(0, 100)}": it is no record number or digest`,
      {
        hint: "take the number from gantry audit log --json, field recnum",
      },
    );
  }
  const needle = `"digests":[{"digest":"${name}`;
  const found: FoundRecord[] = [];
  let recnum = readMinimum(files);
  for (const { bytes } of readAllLines(files, recnum)) {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    // Content is never searched: the member stands behind it, and quotes within content are escaped.
    if (text.includes(needle)) found.push({ recnum, line: Uint8Array.from(bytes) });
    recnum++;
  }
  const [first, second] = found;
  if (first === undefined) throw notFound(name);
  if (second === undefined) return first;
  throw new AuditError("audit/malformed", `Cannot find event "${name}": several records begin so`, {
    hint: "give more of the digest",
  });
}

function findByNumber(files: Files, recnum: number): FoundRecord {
  let at = Math.floor(recnum / SEGMENT_RECORDS) * SEGMENT_RECORDS;
  for (const line of readSegmentLines(files, segmentPath(recnum))) {
    if (at++ === recnum && line.whole) return { recnum, line: Uint8Array.from(line.bytes) };
  }
  throw notFound(String(recnum));
}

function notFound(name: string): AuditError {
  return new AuditError("audit/not-found", `Cannot find event "${name}": the log has no such record`, {
    hint: "see what it has: gantry audit log --json",
  });
}
