/** A node of the Merkle tree: 32 bytes. */
export type TreeHash = Uint8Array;

const LEAF_PREFIX = Uint8Array.of(0);
const NODE_PREFIX = Uint8Array.of(1);

/** Hash of an entry. Spec: RFC 6962, section 2.1. */
export function leafHash(entry: Uint8Array | string): TreeHash {
  return new Bun.CryptoHasher("sha256").update(LEAF_PREFIX).update(entry).digest();
}

/** Hash of two subtrees side by side. Spec: RFC 6962, section 2.1. */
export function nodeHash(left: TreeHash, right: TreeHash): TreeHash {
  return new Bun.CryptoHasher("sha256").update(NODE_PREFIX).update(left).update(right).digest();
}

/** Root of a tree without entries. */
export function emptyRoot(): TreeHash {
  return new Bun.CryptoHasher("sha256").digest();
}

/** SHA-256 of bytes or UTF-8 text, as hexadecimal. */
export function sha256Hex(content: Uint8Array | string): string {
  return new Bun.CryptoHasher("sha256").update(content).digest("hex");
}

/** Whether two hashes are the same; nothing here is secret. */
export function isSameHash(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && Buffer.compare(a, b) === 0;
}
