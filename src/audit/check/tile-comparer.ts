import type { Files } from "../../sys/host.ts";
import { TILE_WIDTH, tilePath } from "../log/tile-path.ts";
import { encodeBundle, rootOf } from "../log/write-tiles.ts";
import { isSameHash, type TreeHash } from "../merkle/hash.ts";
import type { Problem } from "./problems.ts";

const HASH_BYTES = 32;
const MAX_BUNDLE_BYTES = TILE_WIDTH * (65_535 + 2);

/** What the tree says of a record. */
export interface LeafFacts {
  readonly leaf: TreeHash;
  /** Root of the tile that the record completes. */
  readonly tileRoot: TreeHash | undefined;
}

/** Holds the lines against bundles and tiles, bundle by bundle, in the memory of one bundle and one tile per level. */
export class TileComparer {
  readonly #files: Files;
  #entries: Uint8Array[] = [];
  #leaves: TreeHash[] = [];
  /** Hashes of the unfinished tile of each level above 0. */
  readonly #upper: TreeHash[][] = [];
  readonly #upperStart: number[] = [];
  readonly #problems: Problem[] = [];
  #size: number;

  constructor(files: Files, minimum: number) {
    this.#files = files;
    this.#size = minimum;
    for (let [level, count] = [1, minimum / TILE_WIDTH]; count >= 1; level++, count = Math.floor(count / TILE_WIDTH)) {
      this.#upperStart[level] = count;
    }
  }

  /** The next record. A difference is returned with the first record of its bundle that differs. */
  compare(recnum: number, entry: Uint8Array, { leaf, tileRoot }: LeafFacts): Problem | undefined {
    this.#entries.push(entry.slice());
    this.#leaves.push(leaf);
    this.#size = recnum + 1;
    if (this.#leaves.length < TILE_WIDTH) return undefined;
    const first = this.#size - TILE_WIDTH;
    const problem = this.#compareBundle(first, TILE_WIDTH);
    this.#raise(1, tileRoot ?? rootOf(this.#leaves));
    [this.#entries, this.#leaves] = [[], []];
    return problem;
  }

  /** What was found in the levels above the leaves. */
  get problems(): readonly Problem[] {
    return this.#problems;
  }

  /** The partial tiles that a checkpoint over `size` records needs, compared as far as they were read. */
  comparePartial(): Problem | undefined {
    const count = this.#leaves.length;
    const first = this.#size - count;
    // Once the tile is full its narrower versions go.
    if (count === 0 || this.#files.has(tilePath(0, first / TILE_WIDTH, TILE_WIDTH))) return undefined;
    return this.#compareBundle(first, count);
  }

  #compareBundle(first: number, width: number): Problem | undefined {
    const index = first / TILE_WIDTH;
    const tile = this.#read(tilePath(0, index, width), width * HASH_BYTES);
    if (tile === undefined) return missing(first, tilePath(0, index, width));
    const at = this.#leaves.findIndex(
      (leaf, n) => !isSameHash(leaf, tile.subarray(n * HASH_BYTES, (n + 1) * HASH_BYTES)),
    );
    if (at >= 0) return differs(first + at, "its hash in the tree is another one");
    const bundle = this.#read(tilePath("entries", index, width), MAX_BUNDLE_BYTES);
    if (bundle === undefined) return missing(first, tilePath("entries", index, width));
    if (isSameHash(bundle, encodeBundle(this.#entries))) return undefined;
    return differs(first, `bundle ${index} has other entries`);
  }

  #raise(level: number, hash: TreeHash): void {
    const hashes = [...(this.#upper[level] ?? []), hash];
    this.#upper[level] = hashes;
    const start = this.#upperStart[level] ?? 0;
    const done = start + hashes.length;
    if (done % TILE_WIDTH !== 0) return;
    const index = done / TILE_WIDTH - 1;
    const path = tilePath(level, index, TILE_WIDTH);
    const tile = this.#read(path, TILE_WIDTH * HASH_BYTES);
    const expected = Buffer.concat(hashes);
    // After archiving, the first tile of a level may have begun before the records that are here.
    const got = tile?.subarray(tile.byteLength - expected.byteLength);
    const record = index * TILE_WIDTH ** (level + 1);
    if (tile === undefined || got === undefined) this.#problems.push(missing(record, path));
    else if (!isSameHash(got, expected)) this.#problems.push(differs(record, `tile ${path} has other hashes`));
    this.#raise(level + 1, rootOf(tile === undefined ? hashes : hashesOf(tile)));
    this.#upperStart[level] = done;
    this.#upper[level] = [];
  }

  #read(path: string, limitBytes: number): Uint8Array | undefined {
    const stat = this.#files.stat(path);
    if (stat === undefined) return undefined;
    // One that is too long is not ours: its length alone makes it differ.
    return stat.sizeBytes > limitBytes ? new Uint8Array(0) : this.#files.readBytes(path, limitBytes);
  }
}

function hashesOf(tile: Uint8Array): TreeHash[] {
  return Array.from({ length: tile.byteLength / HASH_BYTES }, (_, at) =>
    tile.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES),
  );
}

function missing(record: number, path: string): Problem {
  return { record, kind: "tiles-missing", detail: `${path} is missing` };
}

function differs(record: number, how: string): Problem {
  return { record, kind: "tiles-differ", detail: `record ${record} is not the one that was hashed: ${how}` };
}
