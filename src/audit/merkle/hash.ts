/** A node of the Merkle tree: 32 bytes. */
export type TreeHash = Uint8Array;

const HASH_BYTES = 32;
const LEAF_PREFIX = 0;
const NODE_PREFIX = 1;

/** Hash of an entry. Spec: RFC 6962, section 2.1. */
export function leafHash(entry: Uint8Array | string): TreeHash {
  const bytes = typeof entry === "string" ? Buffer.from(entry) : entry;
  const prefixed = Buffer.allocUnsafe(1 + bytes.byteLength);
  prefixed[0] = LEAF_PREFIX;
  prefixed.set(bytes, 1);
  return sha256(prefixed);
}

/** Hash of two subtrees side by side. Spec: RFC 6962, section 2.1. */
export function nodeHash(left: TreeHash, right: TreeHash): TreeHash {
  const both = Buffer.allocUnsafe(1 + left.byteLength + right.byteLength);
  both[0] = NODE_PREFIX;
  both.set(left, 1);
  both.set(right, 1 + left.byteLength);
  return sha256(both);
}

/** Root of a tree without entries. */
export function emptyRoot(): TreeHash {
  return sha256("");
}

/** SHA-256 of bytes or UTF-8 text, as hexadecimal. */
export function sha256Hex(content: Uint8Array | string): string {
  return Bun.SHA256.hash(content, "hex");
}

function sha256(content: Uint8Array | string): TreeHash {
  return Bun.SHA256.hash(content, new Uint8Array(HASH_BYTES)) as TreeHash;
}

/** Whether two hashes are the same; nothing here is secret. */
export function isSameHash(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && Buffer.compare(a, b) === 0;
}
