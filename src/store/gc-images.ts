import type { Clock } from "../base/clock.ts";
import type { Digest } from "../image/digest.ts";
import type { Files } from "../sys/host.ts";
import { StoreError } from "./errors.ts";
import { readAllRefs, rootsOfRef } from "./image-refs.ts";
import { findReachable, type Reachable } from "./reachable.ts";
import { dashed, GC_LOCK, IMAGES_DIR, LAYERS_DIR, LOCKS_DIR, PARTIAL_DIR, TMP_DIR } from "./store-paths.ts";
import { settleStore } from "./unsettled.ts";

/** What to keep besides the images that have names. */
export interface GcInput {
  /** Manifest digests of images that pods use; what they name is kept too. */
  readonly keepDigests: readonly Digest[];
  /** Names of directories under `layers/` that pods have mounted. */
  readonly keepLayers?: readonly string[];
  /** Nothing changed within this time is touched. */
  readonly graceMs: number;
}

/** What was removed. */
export interface GcResult {
  readonly blobs: number;
  readonly layers: number;
  /** Temporary files and broken-off downloads. */
  readonly leftovers: number;
  readonly freedBytes: number;
}

/**
 * Removes blobs, layers and leftovers that nothing needs. What pods need is asked for while the lock is held, so that no
 * pod can gain a need meanwhile. Waits for nobody: while an image is being fetched or a pod prepared it refuses. Safe to kill at any moment.
 * @throws {StoreError} "store/in-use", "store/corrupt" (nothing is removed then).
 */
export function gcImages(
  host: { readonly files: Files; readonly clock: Clock; readonly bootId: string },
  readInput: () => GcInput,
): GcResult {
  const { files } = host;
  using lock = files.lock(GC_LOCK, { kind: "exclusive", wait: false });
  if (lock === undefined) {
    throw new StoreError("store/in-use", "Cannot collect garbage: an image is being fetched or a pod prepared", {
      hint: "run it again when that has ended",
    });
  }
  settleStore(files, host.bootId, { isAlone: true });
  const input = readInput();
  const roots = [...readAllRefs(files).flatMap(rootsOfRef), ...input.keepDigests.map((digest) => ({ digest }))];
  const reachable = findReachable(files, roots);
  const sweep = new Sweep(files, host.clock.nowMs() - input.graceMs);
  const blobs = sweepBlobs(sweep, files, reachable);
  const layers = sweepLayers(sweep, { reachable, keep: new Set(input.keepLayers) });
  const leftovers = sweep.all(TMP_DIR, () => false) + sweep.all(PARTIAL_DIR, () => false);
  sweepLocks(sweep, files);
  return { blobs, layers, leftovers, freedBytes: sweep.freedBytes };
}

class Sweep {
  freedBytes = 0;
  readonly #files: Files;
  readonly #olderThanMs: number;

  constructor(files: Files, olderThanMs: number) {
    this.#files = files;
    this.#olderThanMs = olderThanMs;
  }

  /** Removes the old entries of `dir` that `keeps` does not want; returns how many. */
  all(dir: string, keeps: (name: string) => boolean): number {
    let removed = 0;
    for (const name of this.#files.list(dir)) {
      if (!keeps(name) && this.removeIfOld(`${dir}/${name}`)) removed++;
    }
    return removed;
  }

  /** Whether the entry was old enough to be removed. */
  removeIfOld(path: string): boolean {
    const stat = this.#files.stat(path);
    // changedAt too: unpacked trees and copied files carry times of their image.
    if (stat === undefined || Math.max(stat.modifiedAtMs, stat.changedAtMs) > this.#olderThanMs) return false;
    this.#files.remove(path);
    if (stat.kind === "file") this.freedBytes += stat.sizeBytes;
    return true;
  }
}

function sweepBlobs(sweep: Sweep, files: Files, reachable: Reachable): number {
  const blobs = `${IMAGES_DIR}/blobs`;
  const sweepAlgorithm = (algorithm: string): number => {
    const kept = new Set([...reachable.blobs].map((digest) => digest.replace(`${algorithm}:`, "")));
    return sweep.all(`${blobs}/${algorithm}`, (hex) => kept.has(hex));
  };
  return files.list(blobs).reduce((sum, algorithm) => sum + sweepAlgorithm(algorithm), 0);
}

function sweepLayers(
  sweep: Sweep,
  wanted: { readonly reachable: Reachable; readonly keep: ReadonlySet<string> },
): number {
  const kept = new Set([...wanted.reachable.diffIds].map(dashed));
  const isKept = (name: string): boolean => wanted.keep.has(name) || kept.has(name.split("+")[0] ?? name);
  return sweep.all(LAYERS_DIR, isKept);
}

/** Lock files of blobs and layers that nobody holds; `acquireLock` notices when its file has gone meanwhile. */
function sweepLocks(sweep: Sweep, files: Files): void {
  sweep.all(LOCKS_DIR, (name) => {
    if (!name.startsWith("blob-") && !name.startsWith("layer-")) return true;
    using lock = files.lock(`${LOCKS_DIR}/${name}`, { kind: "exclusive", wait: false });
    // Removed while it is held: whoever waits for it finds another file afterwards.
    if (lock !== undefined) sweep.removeIfOld(`${LOCKS_DIR}/${name}`);
    return true;
  });
}
