import type { Platform } from "../image/descriptor.ts";
import { formatImageName, type ImageName } from "../image/image-name.ts";
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
    const ref = findStored(ctx, argument);
    return { source: openStoredSource(ctx, ref), name: ref.name };
  }
  const source = await openImageSource(ctx, { argument, platform: input.platform }, options);
  if (argument.kind !== "docker") return { source };
  const { name } = argument;
  return {
    source,
    repository: name,
    ...(name.tag === undefined ? {} : { name: formatImageName({ ...name, labels: {} }) }),
  };
}
