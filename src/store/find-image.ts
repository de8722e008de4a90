import { type Digest, parseDigest } from "../image/digest.ts";
import type { Files } from "../sys/host.ts";
import { StoreError } from "./errors.ts";
import { readAllRefs } from "./image-refs.ts";

/** Shortest prefix of a digest's hex that is accepted as meaning one image. */
export const MIN_PREFIX_CHARS = 8;

/**
 * The stored image whose manifest digest begins with `prefix` (hex, with or without `sha256:`).
 * @throws {StoreError} "store/not-found", "store/ambiguous" with the candidates in `data`.
 */
export function findImage(files: Files, prefix: string): Digest {
  const hex = prefix.slice(prefix.indexOf(":") + 1);
  const digests = new Set(readAllRefs(files).map((ref) => ref.descriptor.digest));
  const found =
    hex.length < MIN_PREFIX_CHARS
      ? []
      : [...digests].filter((digest) => digest.slice(digest.indexOf(":") + 1).startsWith(hex));
  const [only] = found;
  if (only !== undefined && found.length === 1) return parseDigest(only);
  if (found.length === 0) {
    throw new StoreError(
      "store/not-found",
      `Cannot find image "${prefix.slice(0, 140)}": none with this digest is stored`,
      {
        hint: "run gantry image list, or fetch the image",
      },
    );
  }
  throw new StoreError(
    "store/ambiguous",
    `Cannot choose image "${prefix.slice(0, 140)}": ${found.length} stored images begin like this`,
    {
      hint: "give more characters of the digest",
      data: { candidates: found.slice(0, 20) },
    },
  );
}
