/** The parts of a signature packet that enter its hash. Spec: RFC 9580, section 5.2.4. */
export interface HashedPart {
  readonly version: number;
  readonly hashAlgorithm: number;
  readonly salt: Uint8Array | null;
  /** Version to end of the hashed subpackets. */
  readonly signatureData: Uint8Array;
}

/** OpenPGP hash numbers that are strong enough, with their name here and the salt length a v6 signature must have. */
const HASHES = new Map<
  number,
  { readonly name: "sha224" | "sha256" | "sha384" | "sha512" | "sha3-256" | "sha3-512"; readonly saltBytes: number }
>([
  [8, { name: "sha256", saltBytes: 16 }],
  [9, { name: "sha384", saltBytes: 24 }],
  [10, { name: "sha512", saltBytes: 32 }],
  [11, { name: "sha224", saltBytes: 16 }],
  [12, { name: "sha3-256", saltBytes: 16 }],
  [14, { name: "sha3-512", saltBytes: 32 }],
]);

/** Names of refused hashes, for messages. */
const WEAK_HASHES = new Map<number, string>([
  [1, "MD5"],
  [2, "SHA-1"],
  [3, "RIPEMD-160"],
]);

/** Why the hash of a signature is refused, or undefined. */
export function findHashWeakness(hashAlgorithm: number): string | undefined {
  if (HASHES.has(hashAlgorithm)) return undefined;
  return `the signature uses ${WEAK_HASHES.get(hashAlgorithm) ?? `unknown hash ${hashAlgorithm}`}`;
}

/** A running OpenPGP document hash: memory stays constant whatever the message's size. */
export interface SignedHasher {
  update(chunk: Uint8Array): void;
  digest(): Uint8Array;
}

/** Hasher for a binary document signature, or undefined when its version, hash or salt is not acceptable. */
export function createSignedHasher(part: HashedPart): SignedHasher | undefined {
  const algorithm = HASHES.get(part.hashAlgorithm);
  if (algorithm === undefined || (part.version !== 4 && part.version !== 6)) return undefined;
  const hash = new Bun.CryptoHasher(algorithm.name);
  if (part.version === 6) {
    if (part.salt?.byteLength !== algorithm.saltBytes) return undefined;
    hash.update(part.salt);
  }
  return {
    update: (chunk) => void hash.update(chunk),
    digest: () => {
      const trailer = new DataView(new ArrayBuffer(6));
      trailer.setUint8(0, part.version);
      trailer.setUint8(1, 0xff);
      trailer.setUint32(2, part.signatureData.byteLength);
      hash.update(part.signatureData).update(new Uint8Array(trailer.buffer));
      return new Uint8Array(hash.digest());
    },
  };
}
