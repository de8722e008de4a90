import { createHasher, type Digest, parseDigest, splitDigest } from "../image/digest.ts";
import { ImageError } from "../image/errors.ts";
import type { Files } from "../sys/host.ts";
import { newUuid } from "../sys/random.ts";
import { acquireLock } from "./acquire-lock.ts";
import { StoreError } from "./errors.ts";
import { blobPath, GC_LOCK, LAYERS_DIR, UNSETTLED_DIR } from "./store-paths.ts";
import { syncContent } from "./sync-store.ts";

/** Of a finished import; one that has not finished, or never will, lacks it. */
const FINISHED = ".finished";
const MAX_NOTE_BYTES = 4 * 1024 * 1024;

/** What an import makes visible before it is known to be on the disk. */
export interface UnsettledContent {
  readonly blobs: readonly Digest[];
  /** Names of directories under `layers/`. */
  readonly layers: readonly string[];
}

/** An import that does not wait for the disk. */
export interface UnsettledImport {
  /** To be called when everything is visible. */
  finish(): void;
}

/**
 * Notes, durably, what is about to become visible without being durable itself. As long as this boot lasts the content
 * is whole, on the disk or not; after a crash of the machine `recoverUnsettled` doubts what the note names.
 */
export function noteUnsettled(files: Files, bootId: string, content: UnsettledContent): UnsettledImport {
  const path = `${UNSETTLED_DIR}/${newUuid()}`;
  files.writeAtomic(path, JSON.stringify({ bootId, ...content }), 0o600);
  return {
    finish: () => files.rename(path, `${path}${FINISHED}`),
  };
}

/**
 * Makes durable what finished imports of this boot left to the kernel. `isAlone`: the caller keeps imports away, so that
 * those that have not finished never will.
 * @throws {StoreError} "store/corrupt" for a note that cannot be read
 */
export function settleStore(
  files: Files,
  bootId: string,
  { isAlone = false }: { readonly isAlone?: boolean } = {},
): void {
  const notes = readNotes(files).filter((note) => note.bootId === bootId && (isAlone || note.path.endsWith(FINISHED)));
  if (notes.length === 0) return;
  syncContent(files);
  for (const { path } of notes) files.remove(path);
}

/**
 * Notes of finished imports of this boot, relative to the store: whoever has synced the store's file system since may
 * remove them. `olderThanMs`: only those that have stood for so long.
 * @throws {StoreError} "store/corrupt" for a note that cannot be read
 */
export function listSettleable(
  files: Files,
  bootId: string,
  age: { readonly nowMs: number; readonly olderThanMs: number },
): string[] {
  return readNotes(files)
    .filter((note) => note.bootId === bootId && note.path.endsWith(FINISHED))
    .filter(({ path }) => (files.stat(path)?.modifiedAtMs ?? Infinity) <= age.nowMs - age.olderThanMs)
    .map(({ path }) => path);
}

/**
 * After a crash of the machine, before the store is used: of what imports of an earlier boot left to the kernel, blobs
 * that are not what their names say are removed, and layers are, to be unpacked again from their blobs. Returns at once
 * when there is nothing to doubt.
 * @throws {StoreError} "store/corrupt" for a note that cannot be read
 */
export async function recoverUnsettled(
  files: Files,
  bootId: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const isDoubtful = (note: Note): boolean => note.bootId !== bootId;
  if (!readNotes(files).some(isDoubtful)) return;
  using _alone = await acquireLock(files, { path: GC_LOCK, kind: "exclusive" }, options);
  for (const { path, blobs, layers } of readNotes(files).filter(isDoubtful)) {
    for (const digest of blobs) {
      if (files.has(blobPath(digest)) && !isSound(files, digest, options.signal)) files.remove(blobPath(digest));
    }
    for (const name of layers) files.remove(`${LAYERS_DIR}/${name}`);
    files.remove(path);
  }
}

interface Note extends UnsettledContent {
  readonly path: string;
  readonly bootId: string;
}

function readNotes(files: Files): Note[] {
  return files.list(UNSETTLED_DIR).flatMap((name) => {
    const path = `${UNSETTLED_DIR}/${name}`;
    // Settled since it was listed.
    return files.has(path) ? [parseNote(files.readText(path, MAX_NOTE_BYTES), path)] : [];
  });
}

function parseNote(text: string, path: string): Note {
  try {
    const { bootId, blobs, layers } = JSON.parse(text) as Record<string, unknown>;
    if (typeof bootId === "string" && Array.isArray(blobs) && Array.isArray(layers)) {
      const names = layers.map(String);
      if (names.every((name) => /^[a-z0-9]+-[0-9a-f]+(\+[0-9a-f]+)?$/.test(name)))
        return { path, bootId, blobs: blobs.map((digest) => parseDigest(String(digest))), layers: names };
    }
  } catch (reason) {
    if (!(reason instanceof SyntaxError || reason instanceof ImageError)) throw reason;
  }
  throw new StoreError("store/corrupt", `Cannot read "${path}" in the store: it is damaged`, {
    hint: "check the store: gantry doctor --store --repair, then gantry image verify --repair, then remove the file",
  });
}

function isSound(files: Files, digest: Digest, signal: AbortSignal | undefined): boolean {
  const hash = createHasher(splitDigest(digest).algorithm);
  for (const chunk of files.readChunks(blobPath(digest))) {
    signal?.throwIfAborted();
    hash.update(chunk);
  }
  return hash.digest() === digest;
}
