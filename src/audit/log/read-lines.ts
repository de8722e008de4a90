import type { Files } from "../../sys/host.ts";
import { SEGMENT_RECORDS, segmentPath } from "./log-layout.ts";
import { MAX_RECORD_BYTES } from "./record.ts";

/** A line of a file of lines. `bytes` has no newline; a line without one is the torn end of a file. */
export interface LogLine {
  readonly bytes: Uint8Array;
  /** Where it begins in its file. */
  readonly offset: number;
  readonly whole: boolean;
}

const NEWLINE = 0x0a;

/** Lines of one file from a byte on. What is longer than any record comes as pieces that are not whole. */
export function* readSegmentLines(files: Files, path: string, fromByte = 0): Generator<LogLine> {
  if (!files.has(path)) return;
  let rest: Buffer = Buffer.alloc(0);
  let offset = fromByte;
  for (const chunk of files.readChunks(path, fromByte)) {
    const buffer: Buffer =
      rest.byteLength === 0
        ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
        : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = buffer.indexOf(NEWLINE, start); end >= 0; end = buffer.indexOf(NEWLINE, start)) {
      yield { bytes: buffer.subarray(start, end), offset: offset + start, whole: true };
      start = end + 1;
    }
    rest = buffer.subarray(start);
    offset += start;
    if (rest.byteLength > MAX_RECORD_BYTES) {
      yield { bytes: rest, offset, whole: false };
      offset += rest.byteLength;
      rest = Buffer.alloc(0);
    }
  }
  if (rest.byteLength > 0) yield { bytes: rest, offset, whole: false };
}

/** Lines of the whole log from the file on that holds record `recnum`, file after file, with the files' first numbers. */
export function* readAllLines(files: Files, fromRecnum = 0): Generator<LogLine & { readonly segmentStart: number }> {
  const first = Math.floor(fromRecnum / SEGMENT_RECORDS) * SEGMENT_RECORDS;
  for (let start = first; files.has(segmentPath(start)); start += SEGMENT_RECORDS) {
    for (const line of readSegmentLines(files, segmentPath(start))) yield { ...line, segmentStart: start };
  }
}
