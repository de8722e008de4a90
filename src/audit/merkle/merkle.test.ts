import { expect, test } from "bun:test";
import { Frontier } from "./frontier.ts";
import { emptyRoot, leafHash, nodeHash, type TreeHash } from "./hash.ts";
import { isConsistent, proveConsistency, proveInclusion, rootOfInclusion, splitPoint } from "./proofs.ts";

// The definition of RFC 6962, section 2.1, word for word and slow.
const leaves = Array.from({ length: 70 }, (_, at) => leafHash(`entry ${at}`));
function treeHash(from: number, to: number): TreeHash {
  if (to === from) return emptyRoot();
  if (to - from === 1) return leaves[from] ?? emptyRoot();
  const middle = from + splitPoint(to - from);
  return nodeHash(treeHash(from, middle), treeHash(middle, to));
}

test("Frontier gives the root of RFC 6962 at every size, also after being restored", () => {
  let frontier = new Frontier();
  for (let size = 0; size <= leaves.length; size++) {
    expect(frontier.root()).toEqual(treeHash(0, size));
    const restored = Frontier.restore(frontier.size, frontier.peaks());
    if (restored === undefined) return expect.unreachable();
    frontier = restored;
    frontier.append(leaves[size] ?? emptyRoot());
  }
  expect(Frontier.restore(3, [emptyRoot()])).toBeUndefined();
});

test("leafHash() and nodeHash() give the published values of Certificate Transparency's test tree", () => {
  const [a, b] = [leafHash(""), leafHash(Uint8Array.of(0))];
  expect(Buffer.from(a).toString("hex")).toBe("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
  expect(Buffer.from(nodeHash(a, b)).toString("hex")).toBe(
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  );
});

test("proveInclusion() convinces rootOfInclusion() for every entry of every size, and for no other entry", () => {
  for (let size = 1; size <= 40; size++) {
    for (let index = 0; index < size; index++) {
      const proof = proveInclusion(treeHash, index, size);
      const leaf = leaves[index] ?? emptyRoot();
      expect(rootOfInclusion(leaf, { index, size, proof })).toEqual(treeHash(0, size));
      expect(rootOfInclusion(leafHash("other"), { index, size, proof })).not.toEqual(treeHash(0, size));
      expect(rootOfInclusion(leaf, { index, size, proof: [...proof, leaf] })).toBeUndefined();
    }
  }
});

test("proveConsistency() convinces isConsistent() for every pair of sizes, and only with the right roots", () => {
  for (let newSize = 0; newSize <= 40; newSize++) {
    for (let oldSize = 0; oldSize <= newSize; oldSize++) {
      const proof = proveConsistency(treeHash, oldSize, newSize);
      const older = { size: oldSize, root: treeHash(0, oldSize) };
      const newer = { size: newSize, root: treeHash(0, newSize) };
      expect(isConsistent(older, newer, proof)).toBe(true);
      if (oldSize === 0) continue;
      expect(isConsistent({ ...older, root: leafHash("x") }, newer, proof)).toBe(false);
      expect(isConsistent(older, { ...newer, root: leafHash("x") }, proof)).toBe(false);
    }
  }
});
