import { findValue } from "../image/aci/name-values.ts";
import type { Platform } from "../image/descriptor.ts";
import { formatImageName, type ImageName } from "../image/image-name.ts";
import { formatPlatform } from "../image/platform.ts";
import type { ImageRef } from "../store/image-refs.ts";
import type { ImageSource } from "../transport/image-source.ts";
import type { EngineContext } from "./context.ts";
import { openImageSource } from "./open-image-source.ts";
import { findStored, openStoredSource } from "./open-stored-source.ts";
import { parseUserImage } from "./registries-conf.ts";

/** An image to be copied somewhere, opened. */
export interface CopySource {
  readonly source: ImageSource;
  /** `host/path:tag` when the image has one here. */
  readonly name?: string;
  /** For a stored App Container Image: the archive as it was published. */
  readonly published?: NonNullable<ImageRef["aci"]>;
  /** Where in a registry it comes from; blobs can be mounted from there. */
  readonly repository?: ImageName;
}

/**
 * Opens what a copy reads: a bare name or digest means the store, everything else the place it says.
 * @throws {StoreError} "store/not-found"; {TransportError}; {ImageError}
 */
export async function openCopySource(
  ctx: EngineContext,
  input: { readonly image: string; readonly platform: Platform },
  options: { readonly signal?: AbortSignal } = {},
): Promise<CopySource> {
  const argument = parseUserImage(ctx, input.image);
  if (argument.kind === "name" || argument.kind === "stored") {
    return storedSource(ctx, findStored(ctx, argument));
  }
  const source = await openImageSource(ctx, { argument, platform: input.platform }, options);
  if (source.aci !== undefined) return await aciSource(ctx, { input, source }, options);
  if (argument.kind !== "docker") return { source };
  const { name } = argument;
  return {
    source,
    repository: name,
    ...(name.tag === undefined ? {} : { name: formatImageName({ ...name, labels: {} }) }),
  };
}

function storedSource(ctx: EngineContext, ref: ImageRef): CopySource {
  const { aci } = ref;
  return { source: openStoredSource(ctx, ref), name: ref.name, ...(aci === undefined ? {} : { published: aci }) };
}

/** An App Container Image is its own files only: with dependencies it is whole in the store, verified like any image. */
async function aciSource(
  ctx: EngineContext,
  {
    input,
    source,
  }: { readonly input: { readonly image: string; readonly platform: Platform }; readonly source: ImageSource },
  options: { readonly signal?: AbortSignal },
): Promise<CopySource> {
  const manifest = source.aci?.manifest;
  if (manifest === undefined) return { source };
  if (manifest.dependencies.length > 0) {
    await source[Symbol.asyncDispose]();
    const { fetchImage } = await import("./fetch-image.ts");
    const request = { image: input.image, platform: formatPlatform(input.platform), pullPolicy: "new" as const };
    const ref = ctx.images.getRef((await fetchImage(ctx, request, options)).name);
    if (ref !== undefined) return storedSource(ctx, ref);
  }
  const version = findValue(manifest.labels, "version");
  return { source, name: `${manifest.name}${version === undefined ? "" : `:${version}`}` };
}
