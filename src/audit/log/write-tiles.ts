import type { Files } from "../../sys/host.ts";
import { AuditError } from "../errors.ts";
import { Frontier } from "../merkle/frontier.ts";
import { leafHash, type TreeHash } from "../merkle/hash.ts";
import { segmentPath } from "./log-layout.ts";
import { readSegmentLines } from "./read-lines.ts";
import { TILE_WIDTH, tilePath } from "./tile-path.ts";

/** Records of the unfinished bundle: where it begins in its file, and how many of it there are. */
export interface BundleRange {
  /** Number of the bundle's first record. */
  readonly first: number;
  readonly count: number;
  readonly startByte: number;
}

const HASH_BYTES = 32;

/** Writes entries and leaf hashes of a bundle; a full one for good, and up the levels that it completes. */
export function writeBundle(files: Files, range: BundleRange): void {
  const entries = readEntries(files, range);
  const index = range.first / TILE_WIDTH;
  const leaves = entries.map((entry) => leafHash(entry));
  const write = range.count === TILE_WIDTH ? files.writeAtomic : files.writePlain;
  write.call(files, tilePath("entries", index, range.count), encodeBundle(entries));
  write.call(files, tilePath(0, index, range.count), Buffer.concat(leaves));
  if (range.count === TILE_WIDTH) raise(files, { level: 1, child: index, hash: rootOf(leaves) });
}

// Each full tile gives its root to the level above. Narrower versions of a tile go once it is full, not before:
// clients may hold checkpoints that need them.
function raise(
  files: Files,
  { level, child, hash }: { readonly level: number; readonly child: number; readonly hash: TreeHash },
): void {
  removePartials(files, level - 1, child);
  if (level === 1) removePartials(files, "entries", child);
  const index = Math.floor(child / TILE_WIDTH);
  const width = (child % TILE_WIDTH) + 1;
  const before = width === 1 ? Buffer.alloc(0) : hashesBefore(files, { level, index, width: width - 1 });
  const content = Buffer.concat([before, hash]);
  files.writeAtomic(tilePath(level, index, width), content);
  if (width < TILE_WIDTH) return;
  raise(files, { level: level + 1, child: index, hash: rootOf(splitHashes(content)) });
}

function hashesBefore(
  files: Files,
  tile: { readonly level: number; readonly index: number; readonly width: number },
): Uint8Array {
  const path = tilePath(tile.level, tile.index, tile.width);
  if (files.stat(path)?.sizeBytes === tile.width * HASH_BYTES) return files.readBytes(path, tile.width * HASH_BYTES);
  // Lost, as a power cut may do: the level below has what it was made of.
  const first = tile.index * TILE_WIDTH;
  const roots = Array.from({ length: tile.width }, (_, at) =>
    rootOf(splitHashes(files.readBytes(tilePath(tile.level - 1, first + at, TILE_WIDTH), TILE_WIDTH * HASH_BYTES))),
  );
  return Buffer.concat(roots);
}

function removePartials(files: Files, level: number | "entries", index: number): void {
  files.remove(`${tilePath(level, index, TILE_WIDTH)}.p`);
}

function readEntries(files: Files, range: BundleRange): Uint8Array[] {
  const entries: Uint8Array[] = [];
  for (const line of readSegmentLines(files, segmentPath(range.first), range.startByte)) {
    if (entries.length === range.count || !line.whole) break;
    entries.push(line.bytes);
  }
  if (entries.length === range.count) return entries;
  throw new AuditError("audit/tampered", `Cannot read records ${range.first} and following: lines are missing`, {
    hint: "see what is wrong: gantry audit check",
  });
}

/** Entries with their lengths before them. Spec: C2SP tlog-tiles v1, "Log entries". */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  const bundle = Buffer.allocUnsafe(entries.reduce((sum, entry) => sum + 2 + entry.byteLength, 0));
  let at = 0;
  for (const entry of entries) {
    bundle.writeUInt16BE(entry.byteLength, at);
    bundle.set(entry, at + 2);
    at += 2 + entry.byteLength;
  }
  return bundle;
}

/** The hashes of a tile. */
export function splitHashes(tile: Uint8Array): TreeHash[] {
  return Array.from({ length: Math.floor(tile.byteLength / HASH_BYTES) }, (_, at) =>
    tile.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES),
  );
}

/** Root over the hashes of a tile. */
export function rootOf(hashes: readonly TreeHash[]): TreeHash {
  const frontier = new Frontier();
  for (const hash of hashes) frontier.append(hash);
  return frontier.root();
}
