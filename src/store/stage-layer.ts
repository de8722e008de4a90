import type { Descriptor } from "../image/descriptor.ts";
import type { Digest } from "../image/digest.ts";
import type { ImageConfig, ImageManifest } from "../image/image-config.ts";
import type { Files } from "../sys/host.ts";
import { StoreError } from "./errors.ts";
import { blobPath, LAYERS_DIR, layerPath } from "./store-paths.ts";
import {
  type Durability,
  type UnpackInput,
  type UnpackOptions,
  type UnpackResult,
  unpackLayerJob,
} from "./unpack-layer.ts";
import type { UnpackLimits } from "./unpack-limits.ts";
import { chainIdsOf, findUnpackedLayer, type UnpackedLayer } from "./unpacked-layer.ts";

/** Layers smaller than this are unpacked in this process: starting another would cost more. */
const IN_PROCESS_BYTES = 2 * 1024 * 1024;

/** Runs `unpackLayerJob` somewhere, usually in a process of its own. */
export type RunUnpackJob = (input: UnpackInput, options: UnpackOptions) => Promise<UnpackResult>;

/** What unpacking needs of its surroundings. */
export interface UnpackTools {
  /** The store's directory. */
  readonly files: Files;
  readonly runJob: RunUnpackJob;
  /** Jobs at once: the number of cores. */
  readonly maxParallel: number;
}

/** A layer to unpack. */
export interface LayerTask {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  readonly chainId: Digest;
  readonly limits: UnpackLimits;
}

/** A layer that is unpacked, but nobody sees it yet. Disposing removes it unless it was published. */
export interface StagedLayer extends Disposable {
  /** Makes the layer visible, as a whole. It must be durable by now, and its name is then, unless `durability` left that to the caller. */
  publish(): UnpackedLayer;
}

/** How to stage a layer. */
export interface StageOptions extends UnpackOptions {
  /** "soon": the caller makes the content durable before `publish`, the name after. */
  readonly durability?: Durability;
}

/** The layers of an image as tasks, lowest first. */
export function layerTasksOf(manifest: ImageManifest, config: ImageConfig, limits: UnpackLimits): LayerTask[] {
  const chainIds = chainIdsOf(config.diffIds);
  return manifest.layers.flatMap((descriptor, i) => {
    const [diffId, chainId] = [config.diffIds[i], chainIds[i]];
    return diffId === undefined || chainId === undefined ? [] : [{ descriptor, diffId, chainId, limits }];
  });
}

/**
 * Unpacks a layer into a temporary directory, from its blob or from what `packed` brings. The caller holds the layer's
 * lock. undefined: the layer needs its parents first.
 * @throws what `unpackLayerJob` throws
 */
export async function stageLayer(
  tools: UnpackTools,
  want: { readonly task: LayerTask; readonly lowerDirs?: readonly string[] },
  { durability = "on-return", ...options }: StageOptions,
): Promise<StagedLayer | undefined> {
  const { files } = tools;
  const { descriptor, diffId, chainId, limits } = want.task;
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
      durability,
      ...(want.lowerDirs === undefined ? {} : { lowerDirs: want.lowerDirs }),
      ...(options.packed === undefined ? {} : { packedBytes: descriptor.sizeBytes }),
    };
    const result = await run(job, options);
    if (result.kind === "done") {
      files.remove(`${temp}/tree.trash`);
      const meta = JSON.stringify({ diffId, chainId, ...result });
      const sync = durability === "on-return";
      if (!sync) files.writePlain(`${temp}/meta.json`, meta, 0o644);
      else files.writeAtomic(`${temp}/meta.json`, meta, 0o644);
      const { dependsOnParents } = result;
      return stagedLayer(files, { temp, task: want.task, dependsOnParents, sync });
    }
  } catch (reason) {
    files.remove(temp);
    throw reason;
  }
  files.remove(temp);
  return undefined;
}

function stagedLayer(
  files: Files,
  { temp, task, dependsOnParents, sync }: { temp: string; task: LayerTask; dependsOnParents: boolean; sync: boolean },
): StagedLayer {
  const { diffId, chainId } = task;
  return {
    publish: () => {
      files.ensureDir(LAYERS_DIR);
      files.rename(temp, dependsOnParents ? layerPath(diffId, chainId) : layerPath(diffId), { sync });
      const layer = findUnpackedLayer(files, diffId, chainId);
      if (layer !== undefined) return layer;
      throw new StoreError("store/corrupt", `Cannot use layer ${diffId}: it vanished while it was stored`, {
        hint: "try again; if it stays so, see: gantry doctor",
      });
    },
    // Gone already when it was renamed.
    [Symbol.dispose]: () => files.remove(temp),
  };
}
