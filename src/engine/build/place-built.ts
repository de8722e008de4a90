import type { Descriptor } from "../../image/descriptor.ts";
import { formatImageName } from "../../image/image-name.ts";
import { IMAGES_DIR } from "../../store/store-paths.ts";
import { copyImage } from "../../transport/copy-image.ts";
import { openLayoutSource } from "../../transport/layout/open-layout-source.ts";
import type { EngineContext } from "../context.ts";
import { openDestination } from "../copy-images.ts";
import { parseUserImage } from "../registries-conf.ts";

/** What the store notes as the source of an image that was built here. */
export const BUILT_HERE = "image build";

/**
 * Gives an image whose blobs are in the store its place: a name in the store, or a copy somewhere else (its blobs here are
 * then garbage for the next collection). Returns the place for people.
 * @throws {UseCaseError} "engine/bad-input" for a place nothing can be written to; {TransportError}
 */
export async function placeBuilt(
  ctx: EngineContext,
  { top, destination }: { readonly top: Descriptor; readonly destination: string },
  options: { readonly signal?: AbortSignal },
): Promise<string> {
  const argument = parseUserImage(ctx, destination);
  if (argument.kind === "name" && argument.name.digest === undefined) {
    const { name } = argument;
    const text = formatImageName({ ...name, labels: {}, tag: name.tag ?? "latest" });
    await ctx.images.setRef(text, { descriptor: top, source: BUILT_HERE });
    return text;
  }
  await using source = openLayoutSource(ctx.root.sub(IMAGES_DIR));
  const { sink, finish } = await openDestination(ctx, { destination, from: { source } }, options);
  await using place = sink;
  const { progress } = ctx.options;
  await copyImage({ source, sink: place, descriptor: top, choice: { kind: "all" }, progress }, options);
  finish();
  return place.place;
}
