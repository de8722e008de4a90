import { ImageError } from "./errors.ts";

/** Content digest `algorithm:hex`. A branded string: compares with ===, keys a Map, prints as itself in JSON. */
export type Digest = string & { readonly __brand: "Digest" };

/** Length of the hex part, in characters. Spec: OCI image-spec v1.1.0, descriptor.md "Digests". */
const HEX_CHARS: ReadonlyMap<string, number> = new Map([
  ["sha256", 64],
  ["sha512", 128],
]);

/**
 * The only way from untrusted text to a Digest.
 * @throws {ImageError} "image/bad-digest" with the offending part in `hint`.
 */
export function parseDigest(text: string): Digest {
  const [, algorithm, hex] = /^([a-z0-9]+):([0-9a-f]+)$/.exec(text) ?? [];
  if (algorithm === undefined || hex === undefined) throw badDigest(text, "write it as algorithm:lowercase-hex");
  const want = HEX_CHARS.get(algorithm);
  if (want === undefined) throw badDigest(text, `use one of ${[...HEX_CHARS.keys()].join(", ")}`);
  if (hex.length !== want) throw badDigest(text, `${algorithm} has ${want} hex characters, this has ${hex.length}`);
  return text as Digest;
}

/** The two parts of a digest: hash algorithm and lower-case hex. */
export function splitDigest(digest: Digest): { readonly algorithm: "sha256" | "sha512"; readonly hex: string } {
  const colon = digest.indexOf(":");
  return { algorithm: digest.slice(0, colon) === "sha512" ? "sha512" : "sha256", hex: digest.slice(colon + 1) };
}

/** Running hash that ends in a Digest. */
export interface DigestHasher {
  update(chunk: Uint8Array): void;
  digest(): Digest;
}

/** A hasher for `algorithm`; pure computation over the bytes given. */
export function createHasher(algorithm: "sha256" | "sha512"): DigestHasher {
  const hash = new Bun.CryptoHasher(algorithm);
  return {
    update: (chunk) => void hash.update(chunk),
    digest: () => `${algorithm}:${hash.digest("hex")}` as Digest,
  };
}

/** Digest of bytes that are all in memory. */
export function digestOf(bytes: Uint8Array | string, algorithm: "sha256" | "sha512" = "sha256"): Digest {
  return `${algorithm}:${new Bun.CryptoHasher(algorithm).update(bytes).digest("hex")}` as Digest;
}

function badDigest(text: string, hint: string): ImageError {
  return new ImageError("image/bad-digest", `Cannot parse digest "${text.slice(0, 200)}"`, { hint });
}
