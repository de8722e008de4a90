import { emptyRoot, nodeHash, type TreeHash } from "./hash.ts";

/** Levels of the tree within a tile of 256 hashes. */
const TILE_HEIGHT = 8;

/**
 * The right edge of a growing tree: roots of its complete subtrees, largest first. That is all an append and the root
 * need, so both cost the logarithm of the size.
 */
export class Frontier {
  #size = 0;
  readonly #peaks: TreeHash[] = [];
  #tileRoot: TreeHash | undefined;

  /** Peaks as `peaks()` gave them. Their number must fit the size: one per bit that is set. */
  static restore(size: number, peaks: readonly TreeHash[]): Frontier | undefined {
    if (!Number.isSafeInteger(size) || size < 0 || bitCount(size) !== peaks.length) return undefined;
    const made = new Frontier();
    made.#size = size;
    made.#peaks.push(...peaks);
    return made;
  }

  get size(): number {
    return this.#size;
  }

  peaks(): readonly TreeHash[] {
    return this.#peaks;
  }

  append(leaf: TreeHash): void {
    let hash = leaf;
    let height = 0;
    for (let rest = this.#size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      const left = this.#peaks.pop();
      if (left !== undefined) hash = nodeHash(left, hash);
      if (++height === TILE_HEIGHT) this.#tileRoot = hash;
    }
    this.#peaks.push(hash);
    this.#size++;
  }

  /** Root of the last 256 entries when they are a full tile, that is when the size is a multiple of 256. */
  get tileRoot(): TreeHash | undefined {
    return this.#tileRoot;
  }

  /** Spec: RFC 6962, section 2.1: the smaller subtrees are folded into their left neighbours. */
  root(): TreeHash {
    const [last, ...others] = [...this.#peaks].reverse();
    return last === undefined ? emptyRoot() : others.reduce((hash, left) => nodeHash(left, hash), last);
  }
}

function bitCount(value: number): number {
  let count = 0;
  for (let rest = value; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}
