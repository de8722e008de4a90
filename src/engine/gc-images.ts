import type { Digest } from "../image/digest.ts";
import { readRecords, removeRecords } from "../trust/records.ts";
import type { EngineContext } from "./context.ts";
import type { GcImagesResult } from "./engine-calls.ts";
import { type GarbagePlan, planImageGc } from "./plan-image-gc.ts";
import { readPodNeeds } from "./pods-in-use.ts";

/**
 * `image gc`: removes what no name and no pod needs and nobody has touched for the grace period; a dry run says what that
 * is. Images with a name stay: only `image rm` takes those.
 * @throws {StoreError} "store/in-use" while an image is being fetched or a pod prepared, "store/corrupt"; {PodError} "pod/bad-manifest"
 */
export async function gcImages(
  ctx: EngineContext,
  input: { readonly graceMs: number; readonly dryRun: boolean },
): Promise<GcImagesResult> {
  const keep = () => {
    const needs = readPodNeeds(ctx);
    return { keepDigests: [...needs.images.keys()], keepLayers: [...needs.layers], graceMs: input.graceMs };
  };
  let plan = planImageGc(ctx, keep());
  if (input.dryRun) return toResult(plan, plan.freedBytes);
  const { freedBytes } = ctx.images.gcImages(() => {
    const today = keep();
    plan = planImageGc(ctx, today);
    return today;
  });
  const done: GarbagePlan = {
    ...plan,
    images: plan.images.filter((digest) => !ctx.images.hasBlob(digest)),
    blobs: plan.blobs.filter((digest) => !ctx.images.hasBlob(digest)),
    layers: plan.layers.filter((name) => !ctx.root.has(`layers/${name}`)),
  };
  for (const digest of done.images) forget(ctx, digest);
  return toResult(done, freedBytes);
}

function forget(ctx: EngineContext, digest: Digest): void {
  const names = readRecords(ctx.root, digest).map((record) => record.name);
  for (const name of names) ctx.events.report({ type: "image.removed", image: { name, digest } });
  removeRecords(ctx.root, digest);
}

function toResult(plan: GarbagePlan, freedBytes: number): GcImagesResult {
  return { removedImages: plan.images, removedBlobs: plan.blobs, removedLayers: plan.layers, freedBytes };
}
