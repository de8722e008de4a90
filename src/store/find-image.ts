import { type Digest, parseDigest } from "../image/digest.ts";
import type { Files } from "../sys/host.ts";
import { StoreError } from "./errors.ts";
import { readAllRefs } from "./image-refs.ts";

/** Shortest prefix of a digest's hex that is accepted as meaning one image. */
export const MIN_PREFIX_CHARS = 8;

/**
 * The stored image whose manifest digest begins with `prefix` (hex, with or without `sha256:`), or whose appc image ID
 * does (`sha512-` and hex).
 * @throws {StoreError} "store/not-found", "store/ambiguous" with the candidates in `data`.
 */
export function findImage(files: Files, prefix: string): Digest {
  const isImageId = prefix.startsWith("sha512-");
  const hex = prefix.slice(isImageId ? "sha512-".length : prefix.indexOf(":") + 1);
  const fitting = readAllRefs(files).filter((ref) => {
    const id = isImageId ? (ref.aci?.id ?? "") : ref.descriptor.digest;
    return id.slice(id.indexOf(":") + 1).startsWith(hex);
  });
  const found = hex.length < MIN_PREFIX_CHARS ? [] : [...new Set(fitting.map((ref) => ref.descriptor.digest))];
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
