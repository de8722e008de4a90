import { assertLayersMatch } from "../image/assert-layers-match.ts";
import type { Descriptor } from "../image/descriptor.ts";
import type { Digest } from "../image/digest.ts";
import type { ImageConfig, ImageManifest } from "../image/image-config.ts";
import type { Files } from "../sys/host.ts";
import { acquireLock } from "./acquire-lock.ts";
import { blobNotFound } from "./read-blob.ts";
import { blobPath, LAYERS_DIR, layerLockPath, layerPath } from "./store-paths.ts";
import { type UnpackInput, type UnpackResult, unpackLayerJob } from "./unpack-layer.ts";
import { DEFAULT_UNPACK_LIMITS, type UnpackLimits } from "./unpack-limits.ts";
import { chainIdsOf, findUnpackedLayer, overlayLowerDirs, type UnpackedLayer } from "./unpacked-layer.ts";

/** Layers smaller than this are unpacked in this process: starting another would cost more. */
const IN_PROCESS_BYTES = 2 * 1024 * 1024;

/** Runs `unpackLayerJob` somewhere, usually in a process of its own. */
export type RunUnpackJob = (input: UnpackInput, options: { readonly signal?: AbortSignal }) => Promise<UnpackResult>;

/** What unpacking needs of its surroundings. */
export interface UnpackTools {
  /** The store's directory. */
  readonly files: Files;
  readonly runJob: RunUnpackJob;
  /** Jobs at once: the number of cores. */
  readonly maxParallel: number;
}

interface LayerTask {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  readonly chainId: Digest;
  readonly limits: UnpackLimits;
}

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
  const tasks = tasksOf(image.manifest, image.config, image.limits ?? DEFAULT_UNPACK_LIMITS);
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

function tasksOf(manifest: ImageManifest, config: ImageConfig, limits: UnpackLimits): LayerTask[] {
  const chainIds = chainIdsOf(config.diffIds);
  return manifest.layers.flatMap((descriptor, i) => {
    const [diffId, chainId] = [config.diffIds[i], chainIds[i]];
    return diffId === undefined || chainId === undefined ? [] : [{ descriptor, diffId, chainId, limits }];
  });
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
  const { files } = tools;
  const { descriptor, diffId, chainId, limits } = want.task;
  if (!files.has(blobPath(descriptor.digest))) throw blobNotFound(descriptor.digest);
  const temp = files.createTempDir();
  try {
    files.ensureDir(`${temp}/tree`, 0o755);
    const run = descriptor.sizeBytes < IN_PROCESS_BYTES ? unpackLayerJob : tools.runJob;
    const job: UnpackInput = {
      blobPath: files.path(blobPath(descriptor.digest)),
      mediaType: descriptor.mediaType,
      diffId,
      targetDir: files.path(`${temp}/tree`),
      limits,
      ...(want.lowerDirs === undefined ? {} : { lowerDirs: want.lowerDirs }),
    };
    const result = await run(job, options);
    if (result.kind === "needs-parents") return undefined;
    files.remove(`${temp}/tree.trash`);
    files.writeAtomic(`${temp}/meta.json`, JSON.stringify({ diffId, chainId, ...result }), 0o644);
    files.ensureDir(LAYERS_DIR);
    files.rename(temp, result.dependsOnParents ? layerPath(diffId, chainId) : layerPath(diffId), { sync: true });
    return findUnpackedLayer(files, diffId, chainId);
  } finally {
    // Gone already when it was renamed.
    files.remove(temp);
  }
}

/** Results in order; the first failure is thrown when the tasks under way have ended. */
async function mapLimited<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  let failed = false;
  const lanes = Array.from({ length: Math.max(1, limit) }, async () => {
    for (const [index, item] of queue) {
      if (failed) return;
      results[index] = await work(item, index).catch((reason: unknown) => {
        failed = true;
        throw reason;
      });
    }
  });
  const outcomes = await Promise.allSettled(lanes);
  const failure = outcomes.find((outcome) => outcome.status === "rejected");
  if (failure !== undefined) throw failure.reason;
  return results;
}
