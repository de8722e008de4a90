import type { Files } from "../../sys/host.ts";
import { AuditError } from "../errors.ts";
import { nodeHash, type TreeHash } from "../merkle/hash.ts";
import { type SubtreeHash, splitPoint } from "../merkle/proofs.ts";
import { edgeTiles, TILE_WIDTH, type Tile, tilePath } from "./tile-path.ts";
import { rootOf, splitHashes } from "./write-tiles.ts";

/**
 * Hashes of any part of a published tree, from its tiles; only those that an answer needs are read.
 * @throws {AuditError} "audit/not-found" for a part that has been archived away or is missing
 */
export function openTreeHashes(files: Files, size: number): SubtreeHash {
  return openTileHashes(size, (tile) => readHashes(files, tile));
}

/** The same from wherever tiles are kept. `read` is asked once per tile, for as many hashes as the tree has there. */
export function openTileHashes(size: number, read: (tile: Tile) => readonly TreeHash[]): SubtreeHash {
  const widths = new Map(edgeTiles(size).map((tile) => [`${tile.level}/${tile.index}`, tile.width]));
  const tiles = new Map<string, readonly TreeHash[]>();
  const readTile = (level: number, index: number): readonly TreeHash[] => {
    const name = `${level}/${index}`;
    const known = tiles.get(name);
    if (known !== undefined) return known;
    const hashes = read({ level, index, width: widths.get(name) ?? TILE_WIDTH });
    tiles.set(name, hashes);
    return hashes;
  };
  const hashOf: SubtreeHash = (from, to) => {
    const count = to - from;
    const level = tileLevel(from, count);
    if (level !== undefined) {
      const span = TILE_WIDTH ** level;
      const at = from / span;
      const start = at % TILE_WIDTH;
      return rootOf(readTile(level, Math.floor(at / TILE_WIDTH)).slice(start, start + count / span));
    }
    const middle = from + splitPoint(count);
    return nodeHash(hashOf(from, middle), hashOf(middle, to));
  };
  return hashOf;
}

/**
 * The highest level at which a range is a run of whole hashes within one tile, and a subtree; undefined: it must be split.
 * The highest needs the fewest reads, and stays when records are archived.
 */
function tileLevel(from: number, count: number): number | undefined {
  let found: number | undefined;
  for (let [level, span] = [0, 1]; span <= count; level++, span *= TILE_WIDTH) {
    const width = count / span;
    const isRun = Number.isInteger(width) && width <= TILE_WIDTH && from % span === 0;
    if (isRun && Number.isInteger(Math.log2(width)) && (from / span) % width === 0) found = level;
  }
  return found;
}

function readHashes(files: Files, { level, index, width }: Tile): readonly TreeHash[] {
  const paths = [tilePath(level, index, width), tilePath(level, index, TILE_WIDTH)];
  const path = paths.find((one) => files.has(one));
  const hashes = path === undefined ? [] : splitHashes(files.readBytes(path, TILE_WIDTH * 32)).slice(0, width);
  if (hashes.length === width) return hashes;
  throw new AuditError("audit/not-found", `Cannot compute a proof: ${paths[0]} is missing`, {
    hint: "bring archived files back, or see what is wrong: gantry audit check",
  });
}
