import { isSameHash, nodeHash, type TreeHash } from "./hash.ts";

/** Root of the entries `from` (inclusive) to `to` (exclusive) of the tree. Ranges asked for are those RFC 6962 defines. */
export type SubtreeHash = (from: number, to: number) => TreeHash;

/** Proof that entry `index` is in the tree of `size`, leaf's sibling first. Spec: RFC 6962, section 2.1.1. */
export function proveInclusion(hashOf: SubtreeHash, index: number, size: number): TreeHash[] {
  const proof: TreeHash[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    const middle = from + splitPoint(to - from);
    if (index < middle) {
      proof.push(hashOf(middle, to));
      to = middle;
    } else {
      proof.push(hashOf(from, middle));
      from = middle;
    }
  }
  return proof.reverse();
}

/** Proof that the tree of `oldSize` is the beginning of the tree of `size`. Spec: RFC 6962, section 2.1.2. */
export function proveConsistency(hashOf: SubtreeHash, oldSize: number, size: number): TreeHash[] {
  if (oldSize === 0 || oldSize === size) return [];
  const proof: TreeHash[] = [];
  let [from, to] = [0, size];
  let isWhole = true; // the old tree is still a subtree whose root the verifier knows
  while (to > oldSize || from < oldSize) {
    if (to === oldSize) {
      if (!isWhole) proof.push(hashOf(from, to));
      break;
    }
    const middle = from + splitPoint(to - from);
    if (oldSize <= middle) {
      proof.push(hashOf(middle, to));
      to = middle;
    } else {
      proof.push(hashOf(from, middle));
      from = middle;
      isWhole = false;
    }
  }
  return proof.reverse();
}

/** The root that an inclusion proof leads to; undefined when the proof does not fit index and size. */
export function rootOfInclusion(
  leaf: TreeHash,
  { index, size, proof }: { readonly index: number; readonly size: number; readonly proof: readonly TreeHash[] },
): TreeHash | undefined {
  if (index < 0 || index >= size) return undefined;
  let hash = leaf;
  let [at, last] = [index, size - 1];
  for (const sibling of proof) {
    if (last === 0) return undefined;
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(sibling, hash);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 ? hash : undefined;
}

/** A tree head: how many entries, and their root. */
export interface TreeHead {
  readonly size: number;
  readonly root: TreeHash;
}

/** Whether `proof` shows that `older` is the beginning of `newer`. Spec: RFC 9162, section 2.1.4.2. */
export function isConsistent(older: TreeHead, newer: TreeHead, proof: readonly TreeHash[]): boolean {
  if (older.size > newer.size) return false;
  if (older.size === newer.size) return proof.length === 0 && isSameHash(older.root, newer.root);
  if (older.size === 0) return proof.length === 0;
  const path = isPowerOfTwo(older.size) ? [older.root, ...proof] : [...proof];
  const [first, ...rest] = path;
  if (first === undefined) return false;
  let [at, last] = [older.size - 1, newer.size - 1];
  while (at % 2 === 1) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  let [oldHash, newHash] = [first, first];
  for (const hash of rest) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      [oldHash, newHash] = [nodeHash(hash, oldHash), nodeHash(hash, newHash)];
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)];
    } else {
      newHash = nodeHash(newHash, hash);
    }
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 && isSameHash(oldHash, older.root) && isSameHash(newHash, newer.root);
}

/** Largest power of two below `count`. */
export function splitPoint(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

function isPowerOfTwo(value: number): boolean {
  return splitPoint(value * 2) === value;
}
