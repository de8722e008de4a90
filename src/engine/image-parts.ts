import { MAX_DOCUMENT_BYTES } from "../image/decode-document.ts";
import type { Descriptor } from "../image/descriptor.ts";
import type { Digest } from "../image/digest.ts";
import { ImageError } from "../image/errors.ts";
import { isIndexMediaType } from "../image/media-types.ts";
import { parseIndex } from "../image/parse-index.ts";
import { StoreError } from "../store/errors.ts";
import type { EngineContext } from "./context.ts";

/** An image's own digest, and those of the images in it when it is an index: pods use one of these. */
export function partsOfImage(ctx: Pick<EngineContext, "images">, descriptor: Descriptor): readonly Digest[] {
  if (!isIndexMediaType(descriptor.mediaType)) return [descriptor.digest];
  try {
    const index = parseIndex(ctx.images.readBlob(descriptor, MAX_DOCUMENT_BYTES), descriptor.mediaType);
    return [descriptor.digest, ...index.manifests.map(({ digest }) => digest)];
  } catch (reason) {
    // A damaged index has no parts that could be used.
    if (reason instanceof StoreError || reason instanceof ImageError) return [descriptor.digest];
    throw reason;
  }
}
