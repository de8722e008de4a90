import { basename } from "node:path";
import { mapLimited } from "../base/map-limited.ts";
import { assertLayersMatch } from "../image/assert-layers-match.ts";
import type { ImageConfig, ImageManifest } from "../image/image-config.ts";
import { tryAcquireLock } from "../store/acquire-lock.ts";
import type { PartialBlob } from "../store/partial-blob.ts";
import { type LayerTask, layerTasksOf, type StagedLayer } from "../store/stage-layer.ts";
import { blobPath, layerLockPath, layerPath } from "../store/store-paths.ts";
import { syncContent, syncNames } from "../store/sync-store.ts";
import type { Durability } from "../store/unpack-layer.ts";
import { DEFAULT_UNPACK_LIMITS } from "../store/unpack-limits.ts";
import { findUnpackedLayer, type UnpackedLayer } from "../store/unpacked-layer.ts";
import type { UnsettledImport } from "../store/unsettled.ts";
import type { ImageSource } from "../transport/image-source.ts";
import type { EngineContext } from "./context.ts";
import { downloadBlobs, receiveBlob } from "./download-blobs.ts";
import { ensureLayers } from "./ensure-layers.ts";
import { unpackWhileReceiving } from "./unpack-while-receiving.ts";

/** At once: each is a connection, a decompressor and a process of some 40 MB. */
const MAX_PARALLEL = 4;

/** What to bring in, and from where. */
export interface LayerImport {
  readonly source: ImageSource;
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
  /** Whether the source is likely to be there tomorrow: then nobody has to wait for the disk. */
  readonly isRefetchable: boolean;
}

/**
 * Brings the layers of an image into the store and unpacks them, in one pass: each blob is hashed, stored and unpacked
 * while it arrives, several at once. What can be fetched again is written to the disk in the background, and doubted
 * after a crash of the machine until that is done; for the rest one sync makes all of it durable before any of it becomes
 * visible. What another process is at work on already, or what needs the layers beneath it, follows afterwards.
 * @returns the layers, lowest first
 * @throws {StoreError} "store/content-mismatch"; {TransportError}, {ImageError}
 */
export async function importLayers(
  ctx: EngineContext,
  want: LayerImport,
  options: { readonly signal?: AbortSignal } = {},
): Promise<UnpackedLayer[]> {
  assertLayersMatch(want.manifest, want.config);
  await receiveTogether(ctx, want, options);
  await downloadBlobs(ctx, { source: want.source, blobs: want.manifest.layers }, options);
  return await ensureLayers(ctx, want, options);
}

/** A verified blob, and its layer unless somebody else makes it or it cannot be made yet. */
interface Received {
  readonly task: LayerTask;
  readonly partial: PartialBlob;
  readonly layer: StagedLayer | undefined;
}

// Locks are held until all is durable. Nothing here waits for a lock: two processes with the same layers in another order
// would wait for each other.
async function receiveTogether(
  ctx: EngineContext,
  { source, manifest, config, isRefetchable }: LayerImport,
  options: { readonly signal?: AbortSignal },
): Promise<void> {
  using held = new DisposableStack();
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const durability = isRefetchable ? "later" : "soon";
  const tasks = distinctTasks(layerTasksOf(manifest, config, DEFAULT_UNPACK_LIMITS));
  const parallel = Math.min(MAX_PARALLEL, Math.max(2, navigator.hardwareConcurrency));
  const received = await mapLimited(tasks, parallel, async (task): Promise<Received | undefined> => {
    const partial = ctx.images.tryOpenPartialBlob(task.descriptor, { skipSync: true });
    if (typeof partial === "string") return undefined;
    held.use(partial);
    try {
      const layer = await receiveLayer(ctx, { source, task, partial, held, durability }, { signal });
      if (layer !== undefined) held.use(layer);
      return { task, partial, layer };
    } catch (reason) {
      // The others keep their bytes so far for the next attempt.
      stop.abort(reason);
      throw reason;
    }
  });
  const complete = received.filter((one) => one !== undefined);
  if (complete.length === 0) return;
  const unsettled = isRefetchable ? noteReceived(ctx, complete) : undefined;
  if (unsettled === undefined) syncContent(ctx.root);
  const published: string[] = [];
  for (const { task, partial, layer } of complete) {
    partial.publish();
    published.push(blobPath(task.descriptor.digest));
    if (layer?.publish() !== undefined) published.push(layerPath(task.diffId));
  }
  if (unsettled === undefined) syncNames(ctx.root, published);
  unsettled?.finish();
}

function noteReceived(ctx: EngineContext, received: readonly Received[]): UnsettledImport | undefined {
  return ctx.images.noteUnsettled({
    blobs: received.map(({ task }) => task.descriptor.digest),
    layers: received.flatMap(({ task: { diffId, chainId }, layer }) =>
      layer === undefined ? [] : [layerPath(diffId), layerPath(diffId, chainId)].map((path) => basename(path)),
    ),
  });
}

async function receiveLayer(
  ctx: EngineContext,
  {
    source,
    task,
    partial,
    held,
    durability,
  }: {
    readonly source: ImageSource;
    readonly task: LayerTask;
    readonly partial: PartialBlob;
    readonly held: DisposableStack;
    readonly durability: Durability;
  },
  options: { readonly signal: AbortSignal },
): Promise<StagedLayer | undefined> {
  const want = { source, blob: task.descriptor, partial };
  if (!claimLayer(ctx, task, held)) {
    await receiveBlob(ctx, want, options);
    partial.verify();
    return undefined;
  }
  return await unpackWhileReceiving(ctx, { task, partial, durability }, (watcher) =>
    receiveBlob(ctx, { ...want, watcher }, options),
  );
}

/** Whether this process is to unpack the layer: nobody has yet, and nobody is about to. */
function claimLayer(ctx: EngineContext, { diffId, chainId }: LayerTask, held: DisposableStack): boolean {
  if (findUnpackedLayer(ctx.root, diffId, chainId) !== undefined) return false;
  const lock = tryAcquireLock(ctx.root, { path: layerLockPath(diffId), kind: "exclusive" });
  if (lock === undefined) return false;
  held.use(lock);
  return findUnpackedLayer(ctx.root, diffId, chainId) === undefined;
}

/** Each blob once; large ones first, so that none is left alone at the end. */
function distinctTasks(tasks: readonly LayerTask[]): LayerTask[] {
  const distinct = new Map(tasks.map((task) => [task.descriptor.digest, task]));
  return [...distinct.values()].toSorted((a, b) => b.descriptor.sizeBytes - a.descriptor.sizeBytes);
}
