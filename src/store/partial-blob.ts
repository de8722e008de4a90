import { createHasher, type DigestHasher, splitDigest } from "../image/digest.ts";
import type { Files, Lock } from "../sys/host.ts";
import { acquireLock, tryAcquireLock } from "./acquire-lock.ts";
import { StoreError } from "./errors.ts";
import { assertContent, hasSoundBlob, type WantedBlob } from "./put-blob.ts";
import { blobLockPath, blobPath, partialPath } from "./store-paths.ts";

/**
 * A download in progress, continued where the last one stopped. Holds the blob's lock; disposing releases it and keeps
 * the bytes so far for the next attempt.
 */
export interface PartialBlob extends Disposable {
  /** Bytes already here: ask the source to go on from there. */
  readonly startAt: number;
  /** Appends what came. @throws {StoreError} "store/content-mismatch" past the announced size; the partial is gone then. */
  append(chunk: Uint8Array): void;
  /** Drops what is here: for a source that started from zero. */
  restart(): void;
  /** What is here already, for who wants to see every byte. */
  existing(): Iterable<Uint8Array>;
  /** The first half of `finish`: verifies. @throws {StoreError} "store/content-mismatch"; the partial is gone then. */
  verify(): void;
  /** The second half: makes it visible. It must be durable by now, see `OpenPartialOptions.skipSync`. */
  publish(): void;
  /** Verifies the whole and makes it visible. @throws {StoreError} "store/content-mismatch"; the partial is gone then. */
  finish(): void;
}

/** How to open a download. */
export interface OpenPartialOptions {
  readonly signal?: AbortSignal;
  /** Leave making it durable to the caller: the content between `verify` and `publish`, the name after. */
  readonly skipSync?: boolean;
}

/**
 * Like `openPartialBlob`, but returns at once: "stored", or "busy" while somebody else downloads the same blob. For who
 * holds locks already, and so must not wait for another.
 */
export function tryOpenPartialBlob(
  files: Files,
  want: WantedBlob,
  options: OpenPartialOptions = {},
): PartialBlob | "stored" | "busy" {
  if (isStored(files, want)) return "stored";
  const lock = tryAcquireLock(files, { path: blobLockPath(want.digest), kind: "exclusive" });
  if (lock === undefined) return "busy";
  return openUnderLock(files, { want, lock, options }) ?? "stored";
}

/**
 * Opens the download of a blob, or returns undefined when it is stored (perhaps since somebody else just finished it).
 * Waits while another process or task downloads the same blob.
 */
export async function openPartialBlob(
  files: Files,
  want: WantedBlob,
  options: OpenPartialOptions = {},
): Promise<PartialBlob | undefined> {
  if (isStored(files, want)) return undefined;
  const lock = await acquireLock(files, { path: blobLockPath(want.digest), kind: "exclusive" }, options);
  return openUnderLock(files, { want, lock, options });
}

/** undefined, and the lock given back: it was stored meanwhile. */
function openUnderLock(
  files: Files,
  { want, lock, options }: { readonly want: WantedBlob; readonly lock: Lock; readonly options: OpenPartialOptions },
): PartialBlob | undefined {
  try {
    if (!isStored(files, want)) return new PartialFile(files, { want, lock, sync: options.skipSync !== true });
  } catch (reason) {
    lock[Symbol.dispose]();
    throw reason;
  }
  lock[Symbol.dispose]();
  return undefined;
}

/** A descriptor with the digest of a stored blob but another size lies, as it would before the blob was stored. */
function isStored(files: Files, want: WantedBlob): boolean {
  const stat = files.stat(blobPath(want.digest));
  if (stat === undefined) return false;
  if (stat.sizeBytes === want.sizeBytes) return true;
  throw new StoreError(
    "store/content-mismatch",
    `Cannot accept blob ${want.digest}: ${want.sizeBytes} bytes were announced, it has ${stat.sizeBytes}`,
    { hint: "do not trust this source; if the store may be damaged, see: gantry doctor" },
  );
}

class PartialFile implements PartialBlob {
  readonly #files: Files;
  readonly #want: WantedBlob;
  readonly #lock: Lock;
  readonly #sync: boolean;
  readonly #path: string;
  #hash: DigestHasher;
  #gotBytes = 0;
  #finished = false;

  constructor(files: Files, { want, lock, sync }: { want: WantedBlob; lock: Lock; sync: boolean }) {
    this.#files = files;
    this.#sync = sync;
    this.#want = want;
    this.#lock = lock;
    this.#path = partialPath(want.digest);
    this.#hash = this.#newHash();
    if ((files.stat(this.#path)?.sizeBytes ?? 0) > want.sizeBytes) files.remove(this.#path);
    else if (files.has(this.#path)) this.#hashExisting();
  }

  get startAt(): number {
    return this.#gotBytes;
  }

  append(chunk: Uint8Array): void {
    this.#gotBytes += chunk.byteLength;
    if (this.#gotBytes > this.#want.sizeBytes) {
      this.#files.remove(this.#path);
      assertContent(this.#want, { digest: this.#hash.digest(), sizeBytes: this.#gotBytes });
    }
    this.#hash.update(chunk);
    this.#files.append(this.#path, chunk, { sync: this.#sync && this.#gotBytes === this.#want.sizeBytes });
  }

  restart(): void {
    this.#files.remove(this.#path);
    this.#hash = this.#newHash();
    this.#gotBytes = 0;
  }

  existing(): Iterable<Uint8Array> {
    return this.#files.has(this.#path) ? this.#files.readChunks(this.#path) : [];
  }

  finish(): void {
    this.verify();
    this.publish();
  }

  verify(): void {
    if (this.#finished)
      throw new StoreError("store/corrupt", `Cannot finish blob ${this.#want.digest}: it is finished`);
    this.#finished = true;
    try {
      assertContent(this.#want, { digest: this.#hash.digest(), sizeBytes: this.#gotBytes });
    } catch (reason) {
      this.#files.remove(this.#path);
      throw reason;
    }
  }

  publish(): void {
    if (!this.#finished)
      throw new StoreError("store/corrupt", `Cannot publish blob ${this.#want.digest}: not verified`);
    if (this.#gotBytes === 0) this.#files.writeAtomic(blobPath(this.#want.digest), new Uint8Array(), 0o644);
    else this.#rename();
  }

  [Symbol.dispose](): void {
    this.#lock[Symbol.dispose]();
  }

  #rename(): void {
    const target = blobPath(this.#want.digest);
    this.#files.ensureDir(target.slice(0, target.lastIndexOf("/")));
    // putBlob() takes no lock and may have been faster; the content is the same then.
    if (hasSoundBlob(this.#files, this.#want)) this.#files.remove(this.#path);
    else this.#files.rename(this.#path, target, { sync: this.#sync });
  }

  #newHash(): DigestHasher {
    return createHasher(splitDigest(this.#want.digest).algorithm);
  }

  #hashExisting(): void {
    for (const chunk of this.#files.readChunks(this.#path)) {
      this.#hash.update(chunk);
      this.#gotBytes += chunk.byteLength;
    }
  }
}
