import { type Digest, digestOf } from "../image/digest.ts";
import type { Files } from "../sys/host.ts";
import { layerPath } from "./store-paths.ts";

/** A layer ready as overlay lower directory. */
export interface UnpackedLayer {
  readonly diffId: Digest;
  /** Name under `layers/`, for `gcImages({ keepLayers })`. */
  readonly name: string;
  /** Absolute path of the tree. */
  readonly dir: string;
  /** Whether the tree's own root directory has the attributes the image gives its root. */
  readonly hasRootEntry: boolean;
}

/** Identity of a layer on top of its parents. Spec: OCI image-spec v1.1.0, config.md "Layer ChainID". */
export function chainIdsOf(diffIds: readonly Digest[]): Digest[] {
  const chain: Digest[] = [];
  for (const diffId of diffIds) {
    const parent = chain.at(-1);
    chain.push(parent === undefined ? diffId : digestOf(`${parent} ${diffId}`));
  }
  return chain;
}

/** The layer's tree when it was unpacked before: one good everywhere, else one made for this chain. */
export function findUnpackedLayer(files: Files, diffId: Digest, chainId: Digest): UnpackedLayer | undefined {
  for (const path of [layerPath(diffId), layerPath(diffId, chainId)]) {
    if (!files.has(`${path}/meta.json`)) continue;
    const meta = files.readText(`${path}/meta.json`);
    const name = path.slice(path.indexOf("/") + 1);
    return { diffId, name, dir: files.path(`${path}/tree`), hasRootEntry: meta.includes('"hasRootEntry":true') };
  }
  return undefined;
}

/** All layers of an image, lowest first; undefined while one is not unpacked. */
export function findUnpackedLayers(files: Files, diffIds: readonly Digest[]): UnpackedLayer[] | undefined {
  const layers: UnpackedLayer[] = [];
  const chainIds = chainIdsOf(diffIds);
  for (const [i, diffId] of diffIds.entries()) {
    const layer = findUnpackedLayer(files, diffId, chainIds[i] ?? diffId);
    if (layer === undefined) return undefined;
    layers.push(layer);
  }
  return layers;
}

/**
 * Directories for overlayfs `lowerdir`, topmost first. A layer that occurs twice is named once, at its top place: what
 * it does there covers what it did below, and overlayfs refuses a directory given twice.
 */
export function overlayLowerDirs(layers: readonly UnpackedLayer[]): string[] {
  return [...new Set(layers.toReversed().map((layer) => layer.dir))];
}

/** The tree whose root directory has the attributes the merged root must get: overlayfs shows those of the top layer only. */
export function rootAttributesDir(layers: readonly UnpackedLayer[]): string | undefined {
  return layers.findLast((layer) => layer.hasRootEntry)?.dir;
}
