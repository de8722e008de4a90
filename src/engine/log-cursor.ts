import type { Files } from "../sys/host.ts";
import { decodeCriLog } from "./cri-log.ts";
import type { LogChunk } from "./use-cases.ts";

type Stream = LogChunk["stream"];

/** How far one log of an app was read. */
export type LogCursor =
  | { readonly app: string; readonly kind: "raw"; readonly rel: string; readonly stream: Stream; at: number }
  | {
      readonly app: string;
      readonly kind: "cri";
      readonly rel: string;
      readonly streams: readonly Stream[];
      at: number;
    };

const TAIL_BLOCK_BYTES = 64 * 1024;

/** What was written since the last look; moves the cursor behind it. */
export function* readOn(files: Files, cursor: LogCursor): Generator<Omit<LogChunk, "app">> {
  const size = files.stat(cursor.rel)?.sizeBytes ?? 0;
  if (size <= cursor.at) return;
  if (cursor.kind === "raw") {
    for (const bytes of files.readChunks(cursor.rel, cursor.at)) {
      cursor.at += bytes.byteLength;
      yield { stream: cursor.stream, bytes };
    }
    return;
  }
  for (const piece of readPieces(files, cursor)) {
    cursor.at = piece.end;
    if (cursor.streams.includes(piece.stream)) yield { stream: piece.stream, bytes: piece.bytes };
  }
}

/** Moves the cursor to where the last `tailLines` lines begin; undefined: to the beginning. */
export function skipToTail(files: Files, cursor: LogCursor, tailLines: number | undefined): void {
  if (tailLines === undefined) return;
  if (cursor.kind === "raw") {
    cursor.at = tailStart(files, { rel: cursor.rel, tailLines });
    return;
  }
  // Where lines begin, of the last ones only.
  const starts: number[] = [];
  let isNewLine = true;
  let before = cursor.at;
  for (const piece of readPieces(files, cursor)) {
    if (cursor.streams.includes(piece.stream)) {
      if (isNewLine) starts.push(before);
      if (starts.length > tailLines) starts.shift();
      isNewLine = piece.isLineEnd;
    }
    before = piece.end;
  }
  cursor.at = starts[0] ?? before;
}

function* readPieces(files: Files, { rel, at }: LogCursor): Generator<ReturnType<typeof decodeCriLog>[number]> {
  if (files.stat(rel) === undefined) return;
  let rest: Uint8Array = new Uint8Array();
  let start = at;
  for (const chunk of files.readChunks(rel, at)) {
    const content = rest.byteLength === 0 ? chunk : Buffer.concat([rest, chunk]);
    yield* decodeCriLog(content, { at: start });
    const used = content.lastIndexOf(0x0a) + 1;
    start += used;
    rest = content.slice(used);
  }
}

/** Byte at which the last `tailLines` lines of a raw log begin. */
function tailStart(files: Files, { rel, tailLines }: { readonly rel: string; readonly tailLines: number }): number {
  const size = files.stat(rel)?.sizeBytes ?? 0;
  let newlines = 0;
  for (let end = size; end > 0; ) {
    const from = Math.max(0, end - TAIL_BLOCK_BYTES);
    const block = firstBytes(files.readChunks(rel, from), end - from);
    for (let i = block.length - 1; i >= 0; i -= 1) {
      // The newline that ends the last line begins no other.
      if (block[i] !== 0x0a || from + i === size - 1) continue;
      newlines += 1;
      if (newlines === tailLines) return from + i + 1;
    }
    end = from;
  }
  return tailLines === 0 ? size : 0;
}

function firstBytes(chunks: Iterable<Uint8Array>, count: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let got = 0;
  for (const chunk of chunks) {
    parts.push(chunk.subarray(0, count - got));
    got += chunk.byteLength;
    if (got >= count) break;
  }
  return Buffer.concat(parts);
}
