/** Hashes in a full tile, and entries in a full bundle. Spec: C2SP tlog-tiles v1. */
export const TILE_WIDTH = 256;

/** `tile/<level>/<index>[.p/<width>]`; level "entries" is for bundles. */
export function tilePath(level: number | "entries", index: number, width: number): string {
  const suffix = width === TILE_WIDTH ? "" : `.p/${width}`;
  return `tile/${level}/${indexPath(index)}${suffix}`;
}

/** Index in groups of three digits, all but the last marked with an x: 1234067 is `x001/x234/067`. */
function indexPath(index: number): string {
  const last = String(index % 1000).padStart(3, "0");
  const groups: string[] = [];
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(`x${String(rest % 1000).padStart(3, "0")}`);
  }
  return [...groups, last].join("/");
}

/** A tile of a tree: where it is and how much of it is filled. */
export interface Tile {
  readonly level: number;
  readonly index: number;
  readonly width: number;
}

/** The tiles on the right edge of a tree of `size`, one per level, partial or full; lowest level first. */
export function edgeTiles(size: number): Tile[] {
  const tiles: Tile[] = [];
  for (let [level, count] = [0, size]; count > 0; level++, count = Math.floor(count / TILE_WIDTH)) {
    const rest = count % TILE_WIDTH;
    tiles.push({ level, index: Math.ceil(count / TILE_WIDTH) - 1, width: rest === 0 ? TILE_WIDTH : rest });
  }
  return tiles;
}
