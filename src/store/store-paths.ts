import { type Digest, splitDigest } from "../image/digest.ts";

/** The image layout other tools can read in place. */
export const IMAGES_DIR = "images";
/** One file per name. */
export const REFS_DIR = "refs";
/** Unpacked layers. */
export const LAYERS_DIR = "layers";
/** Downloads that have not come to their end. */
export const PARTIAL_DIR = "partial";
/** Lock files: empty; only `acquireLock` may take them, because garbage collection removes them. */
export const LOCKS_DIR = "locks";
/** Lock that imports hold shared and garbage collection holds alone. */
export const GC_LOCK = `${LOCKS_DIR}/gc`;
/** Notes about imports that left writing to the disk to the kernel. */
export const UNSETTLED_DIR = "unsettled";
/** Temporary files and directories of `Files`. */
export const TMP_DIR = "tmp";

/** Where a blob is, relative to the store. */
export function blobPath(digest: Digest): string {
  const { algorithm, hex } = splitDigest(digest);
  return `${IMAGES_DIR}/blobs/${algorithm}/${hex}`;
}

/** Where a blob's download in progress is. */
export function partialPath(digest: Digest): string {
  return `${PARTIAL_DIR}/${dashed(digest)}`;
}

/** Lock that makes concurrent fetches of a blob download it once. */
export function blobLockPath(digest: Digest): string {
  return `${LOCKS_DIR}/blob-${dashed(digest)}`;
}

/** Lock that makes concurrent users of a layer unpack it once. */
export function layerLockPath(diffId: Digest): string {
  return `${LOCKS_DIR}/layer-${dashed(diffId)}`;
}

/** Where an unpacked layer is. `chainId` is given when its tree was made from its parents' too. */
export function layerPath(diffId: Digest, chainId?: Digest): string {
  return `${LAYERS_DIR}/${dashed(diffId)}${chainId === undefined ? "" : `+${splitDigest(chainId).hex}`}`;
}

/** Tree of an unpacked layer by the name of its directory, as `UnpackedLayer.name` and pod manifests have it. */
export function layerTreePath(name: string): string {
  return `${LAYERS_DIR}/${name}/tree`;
}

/** Where the reference of a name is: percent-encoded, so that every name is one file name. */
export function refPath(name: string): string {
  return `${REFS_DIR}/${encodeURIComponent(name)}`;
}

/** A digest as part of a file name. */
export function dashed(digest: Digest): string {
  return digest.replace(":", "-");
}
