import type { Digest } from "../image/digest.ts";
import { writeImageLayout } from "../store/image-layout.ts";
import { listPins } from "../store/image-pins.ts";
import { refPath } from "../store/store-paths.ts";
import { readRecords, removeRecords } from "../trust/records.ts";
import type { EngineContext } from "./context.ts";
import type { GcImagesResult } from "./engine-calls.ts";
import { partsOfImage } from "./image-parts.ts";
import { type GarbagePlan, planImageGc } from "./plan-image-gc.ts";
import { readPodNeeds } from "./pods-in-use.ts";

/**
 * `image gc`: removes what no name and no pod needs and nobody has touched for the grace period; a dry run says what that
 * is. Images with a name stay, unless `unused` is asked for: then
 * names of images no pod uses go, too, when they are older than the grace period. What is pinned always stays.
 * @throws {StoreError} "store/in-use" while an image is being fetched or a pod prepared, "store/corrupt"; {PodError} "pod/bad-manifest"
 */
export async function gcImages(
  ctx: EngineContext,
  input: { readonly graceMs: number; readonly unused?: boolean; readonly dryRun: boolean },
): Promise<GcImagesResult> {
  const keep = () => {
    const needs = readPodNeeds(ctx);
    const pinned = listPins(ctx.root).map(({ digest }) => digest);
    const keepDigests = [...needs.images.keys(), ...pinned];
    const names = input.unused === true ? findUnusedNames(ctx, { keepDigests, graceMs: input.graceMs }) : [];
    return { keepDigests, keepLayers: [...needs.layers], graceMs: input.graceMs, names };
  };
  let today = keep();
  let plan = planImageGc(ctx, { ...today, withoutNames: new Set(today.names) });
  if (input.dryRun) return toResult(plan, { names: today.names, freedBytes: plan.freedBytes });
  const { freedBytes } = ctx.images.gcImages(() => {
    today = keep();
    // Names go first: what is killed here leaves garbage for the next collection, never a name that leads nowhere.
    for (const name of today.names) ctx.images.files.remove(refPath(name));
    plan = planImageGc(ctx, today);
    return today;
  });
  if (today.names.length > 0) await writeImageLayout(ctx.images.files);
  const done: GarbagePlan = {
    ...plan,
    images: plan.images.filter((digest) => !ctx.images.hasBlob(digest)),
    blobs: plan.blobs.filter((digest) => !ctx.images.hasBlob(digest)),
    layers: plan.layers.filter((name) => !ctx.root.has(`layers/${name}`)),
  };
  for (const digest of done.images) forget(ctx, digest);
  return toResult(done, { names: today.names, freedBytes });
}

function forget(ctx: EngineContext, digest: Digest): void {
  const names = readRecords(ctx.root, digest).map((record) => record.name);
  for (const name of names) ctx.events.report({ type: "image.removed", image: { name, digest } });
  removeRecords(ctx.root, digest);
}

/** Names of images that no pod uses, nobody pinned, and that got them longer ago than the grace period. */
function findUnusedNames(
  ctx: EngineContext,
  { keepDigests, graceMs }: { readonly keepDigests: readonly Digest[]; readonly graceMs: number },
): readonly string[] {
  const kept = new Set(keepDigests);
  const olderThanMs = ctx.clock.nowMs() - graceMs;
  return ctx.images
    .listRefs()
    .filter(
      (ref) => !partsOfImage(ctx, ref.descriptor).some((digest) => kept.has(digest)) && ref.importedAtMs <= olderThanMs,
    )
    .map((ref) => ref.name);
}

function toResult(
  plan: GarbagePlan,
  { names, freedBytes }: { readonly names: readonly string[]; readonly freedBytes: number },
): GcImagesResult {
  const { images, blobs, layers } = plan;
  return { removedNames: names, removedImages: images, removedBlobs: blobs, removedLayers: layers, freedBytes };
}
