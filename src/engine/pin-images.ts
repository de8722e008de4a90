import type { Digest } from "../image/digest.ts";
import { addPin, listPins, removePin } from "../store/image-pins.ts";
import type { EngineContext } from "./context.ts";
import { UseCaseError } from "./errors.ts";
import { findStored } from "./open-stored-source.ts";
import { parseUserImage } from "./registries-conf.ts";

/**
 * `image pin`: these images stay, whatever is collected or removed, also when their names move on to other images.
 * All are looked up before the first is pinned. Returns their digests.
 * @throws {StoreError} "store/not-found"; {UseCaseError} "engine/bad-input"
 */
export async function pinImages(
  ctx: EngineContext,
  input: { readonly images: readonly string[] },
): Promise<readonly Digest[]> {
  const refs = input.images.map((image) => findStored(ctx, storedArgument(ctx, image)));
  for (const { descriptor, name } of refs) addPin(ctx.root, { digest: descriptor.digest, name });
  return refs.map(({ descriptor }) => descriptor.digest);
}

/**
 * `image unpin`. An image that lost its name since is still found by the name it was pinned by, or by its digest.
 * @throws {UseCaseError} "engine/bad-input" for an image that is not pinned
 */
export async function unpinImages(
  ctx: EngineContext,
  input: { readonly images: readonly string[] },
): Promise<readonly Digest[]> {
  const pins = listPins(ctx.root);
  const digests = input.images.flatMap((image) => {
    const hex = image.slice(image.indexOf(":") + 1);
    const found = pins.filter(
      ({ digest, name }) => name === image || (hex.length >= 8 && digest.slice(7).startsWith(hex)),
    );
    if (found.length > 0) return found.map(({ digest }) => digest);
    const { digest } = findStored(ctx, storedArgument(ctx, image)).descriptor;
    if (pins.some((pin) => pin.digest === digest)) return [digest];
    throw new UseCaseError("engine/bad-input", `Cannot unpin "${image}": it is not pinned`, {
      hint: "see what is pinned with: gantry image list",
    });
  });
  for (const digest of digests) removePin(ctx.root, digest);
  return digests;
}

function storedArgument(ctx: EngineContext, image: string) {
  const argument = parseUserImage(ctx, image);
  if (argument.kind === "name" || argument.kind === "stored") return argument;
  throw new UseCaseError("engine/bad-input", `Cannot pin "${image}": only images in the store can be pinned`, {
    hint: `fetch it first: gantry fetch ${image}`,
  });
}
