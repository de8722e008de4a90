import type { Digest } from "../image/digest.ts";
import { formatImageName } from "../image/image-name.ts";
import { parseImageArgument } from "../image/reference.ts";
import { StoreError } from "../store/errors.ts";
import { listPins } from "../store/image-pins.ts";
import type { ImageRef } from "../store/image-refs.ts";
import { removeRecords } from "../trust/records.ts";
import type { EngineContext } from "./context.ts";
import { UseCaseError } from "./errors.ts";
import { partsOfImage } from "./image-parts.ts";
import { type PodNeeds, readPodNeeds } from "./pods-in-use.ts";

/**
 * `image rm`: a name removes that name, a digest (or its beginning, 8 hex characters or more) every name of the image.
 * All arguments are checked before the first is removed. An image without names is gone for users, together with what
 * was known about its signatures; its blobs go with the next `image gc`. Returns the digests meant, each once.
 * @throws {StoreError} "store/not-found", "store/ambiguous"; {UseCaseError} "engine/image-in-use" when the last name of an
 * image that a pod uses would go.
 */
export async function removeImages(
  ctx: EngineContext,
  input: { readonly images: readonly string[] },
): Promise<readonly string[]> {
  const refs = ctx.images.listRefs();
  const doomed = new Map(input.images.flatMap((text) => findRefs(ctx, refs, text)).map((ref) => [ref.name, ref]));
  const digests = [...new Set([...doomed.values()].map((ref) => ref.descriptor.digest))];
  const isGone = (digest: Digest) => refs.every((ref) => ref.descriptor.digest !== digest || doomed.has(ref.name));
  const gone = digests.filter(isGone);
  if (gone.length > 0) {
    const parts = [...doomed.values()].filter(({ descriptor }) => gone.includes(descriptor.digest));
    assertUnused(readPodNeeds(ctx), [...new Set(parts.flatMap(({ descriptor }) => partsOfImage(ctx, descriptor)))]);
    assertNotPinned(ctx, gone);
  }
  for (const { name, descriptor } of doomed.values()) {
    ctx.events.report({ type: "image.removed", image: { name, digest: descriptor.digest } });
    await ctx.images.removeRef(name);
  }
  for (const digest of gone) removeRecords(ctx.root, digest);
  return digests;
}

function findRefs(ctx: EngineContext, refs: readonly ImageRef[], text: string): readonly ImageRef[] {
  const exact = refs.find((ref) => ref.name === text);
  if (exact !== undefined) return [exact];
  const argument = parseImageArgument(text);
  if (argument.kind === "stored") {
    const digest = ctx.images.findImage(argument.hexPrefix);
    return refs.filter((ref) => ref.descriptor.digest === digest);
  }
  const wanted = argument.kind === "name" || argument.kind === "docker" ? argument.name : undefined;
  const name =
    wanted === undefined
      ? undefined
      : formatImageName((wanted.tag ?? wanted.digest) ? wanted : { ...wanted, tag: "latest" });
  const found = refs.find((ref) => ref.name === name);
  if (found !== undefined) return [found];
  throw new StoreError("store/not-found", `Cannot remove image "${text.slice(0, 200)}": not in the store`, {
    hint: "see the names and digests with: gantry image list",
  });
}

function assertNotPinned(ctx: EngineContext, digests: readonly Digest[]): void {
  const pin = listPins(ctx.root).find(({ digest }) => digests.includes(digest));
  if (pin === undefined) return;
  throw new UseCaseError("engine/image-in-use", `Cannot remove image ${pin.digest}: it is pinned`, {
    hint: `take the pin away first: gantry image unpin ${pin.name}`,
    data: { digest: pin.digest },
  });
}

function assertUnused(needs: PodNeeds, digests: readonly Digest[]): void {
  for (const digest of digests) {
    const pods = needs.images.get(digest);
    if (pods === undefined) continue;
    throw new UseCaseError(
      "engine/image-in-use",
      `Cannot remove image ${digest}: ${pods.length === 1 ? "a pod uses" : `${pods.length} pods use`} it`,
      {
        hint: `remove the pod first: gantry rm ${pods.join(" ")}`,
        data: { digest, pods },
      },
    );
  }
}
