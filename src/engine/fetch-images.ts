import { formatImageId } from "../image/aci/identifier.ts";
import type { EngineContext } from "./context.ts";
import { fetchImage } from "./fetch-image.ts";
import { describeAcceptance } from "./report-acceptance.ts";
import { settleInBackground } from "./settle-in-background.ts";
import type { FetchedImage } from "./use-cases.ts";

/** What `fetch` is asked for. */
export interface FetchImagesInput {
  readonly images: readonly string[];
  readonly platform?: string;
  readonly pullPolicy: "new" | "update" | "never";
}

/** `fetch`: brings images into the store, verified and unpacked, one after the other. */
export async function fetchImages(
  ctx: EngineContext,
  input: FetchImagesInput,
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly FetchedImage[]> {
  try {
    return await fetchEach(ctx, input, options);
  } finally {
    await settleInBackground(ctx, { olderThanMs: 0 });
  }
}

async function fetchEach(
  ctx: EngineContext,
  input: FetchImagesInput,
  options: { readonly signal?: AbortSignal },
): Promise<readonly FetchedImage[]> {
  const fetched: FetchedImage[] = [];
  for (const image of input.images) {
    const ready = await fetchImage(ctx, { ...input, image }, options);
    const aci = ctx.images.getRef(ready.name)?.aci;
    fetched.push({
      name: ready.name,
      digest: ready.manifest.digest,
      verifiedBy: describeAcceptance(ready.record),
      sizeBytes: ready.sizeBytes,
      cached: ready.isCached,
      ...(aci === undefined ? {} : { imageId: formatImageId(aci.id) }),
    });
  }
  return fetched;
}
