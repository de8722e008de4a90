import type { Clock } from "../base/clock.ts";
import type { Digest } from "../image/digest.ts";
import type { Files, Lock } from "../sys/host.ts";
import { acquireLock } from "./acquire-lock.ts";
import { StoreError } from "./errors.ts";
import { findImage } from "./find-image.ts";
import { type GcInput, type GcResult, gcImages } from "./gc-images.ts";
import { writeImageLayout } from "./image-layout.ts";
import { type ImageRef, readAllRefs, readRef, writeRef } from "./image-refs.ts";
import { listImages, type StoredImage, summariseImage } from "./list-images.ts";
import { type OpenPartialOptions, openPartialBlob, type PartialBlob, tryOpenPartialBlob } from "./partial-blob.ts";
import { putBlob, type WantedBlob } from "./put-blob.ts";
import { blobNotFound, readBlob } from "./read-blob.ts";
import { blobPath, GC_LOCK, refPath } from "./store-paths.ts";
import {
  listSettleable,
  noteUnsettled,
  recoverUnsettled,
  settleStore,
  type UnsettledContent,
  type UnsettledImport,
} from "./unsettled.ts";

/** The images of this machine: blobs, names, and what they were unpacked to. Every method names its errors in its file. */
export interface ImageStore {
  /** The store's directory, for siblings that keep their own part of it. */
  readonly files: Files;
  hasBlob(digest: Digest): boolean;
  /** Bytes of a document, digest verified again. @throws {StoreError} "store/not-found", "store/corrupt". */
  readBlob(descriptor: WantedBlob, limitBytes: number): Uint8Array;
  /** Absolute path. @throws {StoreError} "store/not-found". */
  blobPath(digest: Digest): string;
  /** @throws {StoreError} "store/content-mismatch". */
  putBlob(descriptor: WantedBlob, content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void>;
  tryOpenPartialBlob(descriptor: WantedBlob, options?: OpenPartialOptions): PartialBlob | "stored" | "busy";
  /** undefined: the blob is stored already. */
  openPartialBlob(descriptor: WantedBlob, options?: OpenPartialOptions): Promise<PartialBlob | undefined>;
  /**
   * To be held from the first blob of an import until its reference is set, and from the choice of an image until the pod
   * that needs it says so: keeps garbage collection away. Whoever takes it first after a crash of the machine cleans up.
   * @throws {StoreError} "store/corrupt"
   */
  lockImport(options?: { readonly signal?: AbortSignal }): Promise<Lock>;
  /** See `noteUnsettled`. undefined: this host does not tell its boots apart, so everything must be made durable at once. */
  noteUnsettled(content: UnsettledContent): UnsettledImport | undefined;
  /** See `settleStore`. */
  settle(): void;
  /** See `listSettleable`. */
  listSettleable(olderThanMs: number): string[];
  setRef(name: string, ref: Omit<ImageRef, "name" | "importedAtMs">): Promise<void>;
  getRef(name: string): ImageRef | undefined;
  listRefs(): ImageRef[];
  /** @throws {StoreError} "store/not-found". */
  removeRef(name: string): Promise<void>;
  /** Full digest from a prefix of at least 8 hex characters. @throws {StoreError} "store/not-found", "store/ambiguous". */
  findImage(prefix: string): Digest;
  listImages(): StoredImage[];
  /** Removes every name of an image; blobs go with the next `gcImages`. @throws {StoreError} "store/not-found", "store/in-use". */
  removeImage(digest: Digest, options?: { readonly inUse?: ReadonlySet<Digest> }): Promise<void>;
  /** `readInput` is called under the lock. @throws {StoreError} "store/in-use", "store/corrupt". */
  gcImages(readInput: () => GcInput): GcResult;
}

/** Opens the image store in `files`; creates nothing before the first write. `bootId`: empty when the host has none. */
export function openImageStore(
  files: Files,
  clock: Clock,
  { bootId = "" }: { readonly bootId?: string } = {},
): ImageStore {
  return {
    files,
    hasBlob: (digest) => files.has(blobPath(digest)),
    readBlob: (descriptor, limitBytes) => readBlob(files, descriptor.digest, limitBytes),
    blobPath: (digest) => existingBlobPath(files, digest),
    putBlob: (descriptor, content) => putBlob(files, descriptor, content),
    tryOpenPartialBlob: (descriptor, options) => tryOpenPartialBlob(files, descriptor, options),
    openPartialBlob: (descriptor, options) => openPartialBlob(files, descriptor, options),
    lockImport: async (options) => {
      await recoverUnsettled(files, bootId, options);
      return await acquireLock(files, { path: GC_LOCK, kind: "shared" }, options);
    },
    noteUnsettled: (content) => (bootId === "" ? undefined : noteUnsettled(files, bootId, content)),
    settle: () => settleStore(files, bootId),
    listSettleable: (olderThanMs) => listSettleable(files, bootId, { nowMs: clock.nowMs(), olderThanMs }),
    setRef: async (name, ref) => {
      const summary = summariseImage(files, ref.descriptor);
      writeRef(files, { ...ref, name, importedAtMs: clock.nowMs(), summary });
      await writeImageLayout(files);
    },
    getRef: (name) => readRef(files, name),
    listRefs: () => readAllRefs(files),
    removeRef: (name) => removeRef(files, name),
    findImage: (prefix) => findImage(files, prefix),
    listImages: () => listImages(files),
    removeImage: (digest, options) => removeImage(files, digest, options?.inUse ?? new Set()),
    gcImages: (readInput) => gcImages({ files, clock, bootId }, readInput),
  };
}

function existingBlobPath(files: Files, digest: Digest): string {
  if (!files.has(blobPath(digest))) throw blobNotFound(digest);
  return files.path(blobPath(digest));
}

async function removeRef(files: Files, name: string): Promise<void> {
  if (readRef(files, name) === undefined) {
    throw new StoreError("store/not-found", `Cannot remove name "${name.slice(0, 200)}": not in the store`, {
      hint: "run gantry image list to see the names",
    });
  }
  files.remove(refPath(name));
  await writeImageLayout(files);
}

async function removeImage(files: Files, digest: Digest, inUse: ReadonlySet<Digest>): Promise<void> {
  const refs = readAllRefs(files).filter((ref) => ref.descriptor.digest === digest);
  if (refs.length === 0) {
    throw new StoreError("store/not-found", `Cannot remove image ${digest}: not in the store`, {
      hint: "run gantry image list to see the images",
    });
  }
  if (inUse.has(digest)) {
    throw new StoreError("store/in-use", `Cannot remove image ${digest}: a pod uses it`, {
      hint: "remove the pod first",
    });
  }
  for (const ref of refs) files.remove(refPath(ref.name));
  await writeImageLayout(files);
}
