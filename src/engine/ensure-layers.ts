import type { ImageConfig, ImageManifest } from "../image/image-config.ts";
import type { UnpackTools } from "../store/stage-layer.ts";
import { findUnpackedLayers, type UnpackedLayer } from "../store/unpacked-layer.ts";
import type { EngineContext } from "./context.ts";
import { runUnpackProcess } from "./run-unpack-process.ts";

/** Unpacks what is not unpacked yet, large layers each in a process of its own. */
export async function ensureLayers(
  ctx: EngineContext,
  image: { readonly manifest: ImageManifest; readonly config: ImageConfig },
  options: { readonly signal?: AbortSignal } = {},
): Promise<UnpackedLayer[]> {
  const ready = findUnpackedLayers(ctx.root, image.config.diffIds);
  if (ready !== undefined) return ready;
  const { unpackLayers } = await import("../store/unpack-layers.ts");
  return await unpackLayers(unpackTools(ctx), image, options);
}

/** Where and how layers are unpacked on this host. */
export function unpackTools(ctx: EngineContext): UnpackTools {
  return {
    files: ctx.root,
    maxParallel: Math.max(1, navigator.hardwareConcurrency),
    runJob: (input, options) => runUnpackProcess(ctx, input, options),
  };
}
