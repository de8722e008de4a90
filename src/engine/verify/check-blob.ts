import { createHasher, type Digest, splitDigest } from "../../image/digest.ts";
import { blobPath } from "../../store/store-paths.ts";
import type { EngineContext } from "../context.ts";

/** Reads a stored blob to its end; undefined when every byte is right, else what is wrong. */
export function checkBlob(
  ctx: Pick<EngineContext, "images">,
  blob: { readonly digest: Digest; readonly sizeBytes?: number },
  options: { readonly signal?: AbortSignal } = {},
): string | undefined {
  const { files } = ctx.images;
  const path = blobPath(blob.digest);
  const stat = files.stat(path);
  if (stat === undefined) return "is missing";
  if (stat.kind !== "file") return "is no file";
  if (blob.sizeBytes !== undefined && stat.sizeBytes !== blob.sizeBytes)
    return `has ${stat.sizeBytes} bytes, not ${blob.sizeBytes}`;
  const hasher = createHasher(splitDigest(blob.digest).algorithm);
  for (const chunk of files.readChunks(path)) {
    options.signal?.throwIfAborted();
    hasher.update(chunk);
  }
  return hasher.digest() === blob.digest ? undefined : "has other content than its digest says";
}
