import { mapLimited } from "../base/map-limited.ts";
import { assertLayersMatch } from "../image/assert-layers-match.ts";
import type { ImageConfig, ImageManifest } from "../image/image-config.ts";
import { acquireLock } from "./acquire-lock.ts";
import { blobNotFound } from "./read-blob.ts";
import { type LayerTask, layerTasksOf, stageLayer, type UnpackTools } from "./stage-layer.ts";
import { blobPath, layerLockPath } from "./store-paths.ts";
import { DEFAULT_UNPACK_LIMITS, type UnpackLimits } from "./unpack-limits.ts";
import { findUnpackedLayer, overlayLowerDirs, type UnpackedLayer } from "./unpacked-layer.ts";

/**
 * Unpacks all layers of an image that are not unpacked yet, several at once, each once per machine whoever asks.
 * A layer appears complete or not at all; a crash leaves only temporary directories, which `gcImages` removes.
 * @returns The layers, lowest first. See `overlayLowerDirs` for mounting them.
 * @throws what `unpackLayerJob` throws; {StoreError} "store/not-found" when a layer's blob is missing.
 */
export async function unpackLayers(
  tools: UnpackTools,
  image: { readonly manifest: ImageManifest; readonly config: ImageConfig; readonly limits?: UnpackLimits },
  options: { readonly signal?: AbortSignal } = {},
): Promise<UnpackedLayer[]> {
  assertLayersMatch(image.manifest, image.config);
  const tasks = layerTasksOf(image.manifest, image.config, image.limits ?? DEFAULT_UNPACK_LIMITS);
  // What the lowest layer is on top of is known from the start: nothing.
  const found = await mapLimited(tasks, tools.maxParallel, (task, i) =>
    ensureLayer(tools, { task, ...(i === 0 ? { lowerDirs: [] } : {}) }, options),
  );
  const layers: UnpackedLayer[] = [];
  for (const [i, task] of tasks.entries()) {
    const layer = found[i] ?? (await ensureLayer(tools, { task, lowerDirs: overlayLowerDirs(layers) }, options));
    if (layer !== undefined) layers.push(layer);
  }
  return layers;
}

/** undefined: the layer needs its parents first. */
async function ensureLayer(
  tools: UnpackTools,
  want: { readonly task: LayerTask; readonly lowerDirs?: readonly string[] },
  options: { readonly signal?: AbortSignal },
): Promise<UnpackedLayer | undefined> {
  const { diffId, chainId } = want.task;
  const ready = findUnpackedLayer(tools.files, diffId, chainId);
  if (ready !== undefined) return ready;
  using _lock = await acquireLock(tools.files, { path: layerLockPath(diffId), kind: "exclusive" }, options);
  return findUnpackedLayer(tools.files, diffId, chainId) ?? (await unpackOne(tools, want, options));
}

async function unpackOne(
  tools: UnpackTools,
  want: { readonly task: LayerTask; readonly lowerDirs?: readonly string[] },
  options: { readonly signal?: AbortSignal },
): Promise<UnpackedLayer | undefined> {
  const { digest } = want.task.descriptor;
  if (!tools.files.has(blobPath(digest))) throw blobNotFound(digest);
  using staged = await stageLayer(tools, want, options);
  return staged?.publish();
}
