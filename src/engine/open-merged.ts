import { MAX_DOCUMENT_BYTES } from "../image/decode-document.ts";
import type { Descriptor } from "../image/descriptor.ts";
import type { ImageConfig, ImageManifest } from "../image/image-config.ts";
import { parseConfig } from "../image/parse-config.ts";
import { parseManifest } from "../image/parse-manifest.ts";
import { hostPlatform, parsePlatform } from "../image/platform.ts";
import { MergedTree } from "../store/merged-tree.ts";
import { overlayLowerDirs, type UnpackedLayer } from "../store/unpacked-layer.ts";
import { choosePlatformManifest } from "../transport/choose-platform-manifest.ts";
import type { EngineContext } from "./context.ts";
import { ensureLayers } from "./ensure-layers.ts";
import { UseCaseError } from "./errors.ts";
import { findStored, openStoredSource } from "./open-stored-source.ts";
import { parseUserImage } from "./registries-conf.ts";

/** A stored image of one platform, read and parsed. */
export interface StoredParts {
  readonly name: string;
  readonly descriptor: Descriptor;
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
}

/**
 * Reads an image of the store; of an index, the part for the platform.
 * @throws {StoreError} "store/not-found"; {ImageError}; {UseCaseError} "engine/bad-input" for a place outside the store
 */
export async function readStored(
  ctx: EngineContext,
  input: { readonly image: string; readonly platform?: string },
  options: { readonly signal?: AbortSignal } = {},
): Promise<StoredParts> {
  const argument = parseUserImage(ctx, input.image);
  if (argument.kind !== "name" && argument.kind !== "stored") {
    throw new UseCaseError("engine/bad-input", `Cannot look into "${input.image}": it is not in the store`, {
      hint: `fetch it first: gantry fetch ${input.image}`,
    });
  }
  const ref = findStored(ctx, argument);
  const platform = input.platform === undefined ? hostPlatform(process.arch) : parsePlatform(input.platform);
  await using source = openStoredSource(ctx, ref);
  const descriptor = await choosePlatformManifest(source, { descriptor: ref.descriptor, platform }, options);
  const manifest = parseManifest(ctx.images.readBlob(descriptor, MAX_DOCUMENT_BYTES), descriptor.mediaType);
  const config = parseConfig(ctx.images.readBlob(manifest.config, MAX_DOCUMENT_BYTES), manifest.config.mediaType);
  return { name: ref.name, descriptor, manifest, config };
}

/** The merged tree of a stored image, unpacked when it was not. The layers stay as long as the import lock is held. */
export async function openMerged(
  ctx: EngineContext,
  input: { readonly image: string; readonly platform?: string },
  options: { readonly signal?: AbortSignal } = {},
): Promise<{ readonly tree: MergedTree; readonly layers: readonly UnpackedLayer[] }> {
  const parts = await readStored(ctx, input, options);
  const layers = await ensureLayers(ctx, parts, options);
  return { tree: new MergedTree(overlayLowerDirs(layers)), layers };
}
