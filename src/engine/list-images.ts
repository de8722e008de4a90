import type { Digest } from "../image/digest.ts";
import { listPins } from "../store/image-pins.ts";
import { TrustError } from "../trust/errors.ts";
import { readRecords } from "../trust/records.ts";
import type { EngineContext } from "./context.ts";
import { describeAcceptance } from "./report-acceptance.ts";
import type { ImageSummary } from "./use-cases.ts";

/** `image list`: every image with a name, newest first, and who or what vouched for it when it was verified. */
export async function listImages(ctx: Pick<EngineContext, "images" | "root">): Promise<readonly ImageSummary[]> {
  const pinned = new Set(listPins(ctx.root).map(({ digest }) => digest));
  return ctx.images.listImages().map(({ digest, names, platform, sizeBytes, importedAt }) => {
    return {
      digest,
      names,
      platform,
      sizeBytes,
      importedAt,
      verifiedBy: readVerifiedBy(ctx, digest),
      pinned: pinned.has(digest),
    };
  });
}

function readVerifiedBy(ctx: Pick<EngineContext, "root">, digest: Digest): readonly string[] {
  try {
    return [...new Set(readRecords(ctx.root, digest).flatMap(describeAcceptance))];
  } catch (reason) {
    // A damaged record vouches for nothing; it must not hide the other images.
    if (reason instanceof TrustError) return [];
    throw reason;
  }
}
