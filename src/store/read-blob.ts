import type { Digest } from "../image/digest.ts";
import { digestOf, splitDigest } from "../image/digest.ts";
import { ImageError } from "../image/errors.ts";
import { SysError } from "../sys/errors.ts";
import type { Files } from "../sys/host.ts";
import { StoreError } from "./errors.ts";
import { blobPath } from "./store-paths.ts";

/**
 * Reads a document of the store and verifies its digest again, so that damage on disk is found before it is used.
 * @throws {StoreError} "store/not-found", "store/corrupt"; {ImageError} "image/too-large" above `limitBytes`.
 */
export function readBlob(files: Files, digest: Digest, limitBytes: number): Uint8Array {
  const bytes = readBytes(files, digest, limitBytes);
  if (digestOf(bytes, splitDigest(digest).algorithm) === digest) return bytes;
  throw new StoreError("store/corrupt", `Cannot use blob ${digest}: its content has changed on disk`, {
    hint: "remove the image and fetch it again, and check the disk",
    data: { digest, path: files.path(blobPath(digest)) },
  });
}

function readBytes(files: Files, digest: Digest, limitBytes: number): Uint8Array {
  try {
    return files.readBytes(blobPath(digest), limitBytes);
  } catch (reason) {
    if (!(reason instanceof SysError)) throw reason;
    if (reason.code === "sys/not-found") throw blobNotFound(digest, reason);
    if (reason.code !== "sys/too-large") throw reason;
    throw new ImageError("image/too-large", `Cannot read blob ${digest}: more than ${limitBytes} bytes`, {
      hint: "use an image with a smaller description",
      cause: reason,
    });
  }
}

/** The error for a blob that is not stored. */
export function blobNotFound(digest: Digest, cause?: unknown): StoreError {
  return new StoreError("store/not-found", `Cannot find blob ${digest}: not in the store`, {
    hint: "fetch the image again",
    data: { digest },
    ...(cause === undefined ? {} : { cause }),
  });
}
