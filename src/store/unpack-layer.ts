import { createHasher, type Digest, splitDigest } from "../image/digest.ts";
import { ImageError } from "../image/errors.ts";
import { TarReader } from "../image/layer/tar-reader.ts";
import { parseLayerMediaType } from "../image/media-types.ts";
import { AT_EMPTY_PATH, AT_FDCWD, O_DIRECTORY, O_PATH, O_RDONLY } from "../sys/linux/constants.ts";
import { fstatat, mkdirat, openat2, read } from "../sys/linux/fs-calls.ts";
import { OwnedFd } from "../sys/linux/owned-fd.ts";
import { decompress } from "./decompress.ts";
import { StoreError } from "./errors.ts";
import { LayerTree } from "./layer-tree.ts";
import { LayerWriter } from "./layer-writer.ts";
import { LowerLayers } from "./lower-layers.ts";
import { syncTree } from "./sync-store.ts";
import { type UnpackLimits, unpackedByteLimit } from "./unpack-limits.ts";

/**
 * When content has to be on the disk: on return (default), when the caller says so, who has more to write and syncs soon;
 * or some time later, see `noteUnsettled`.
 */
export type Durability = "on-return" | "soon" | "later";

/** One layer to unpack. Plain JSON, so that another process can do it. */
export interface UnpackInput {
  /** Absolute path of the packed blob; not read when the blob comes as a stream. */
  readonly blobPath: string;
  /** Size of the packed blob, for a blob that comes as a stream. */
  readonly packedBytes?: number;
  readonly durability?: Durability;
  readonly mediaType: string;
  readonly diffId: Digest;
  /** Absolute path of an empty directory that becomes the overlay lower directory. */
  readonly targetDir: string;
  /** Trees of the layers beneath, topmost first; left out while they are not unpacked themselves. */
  readonly lowerDirs?: readonly string[];
  readonly limits: UnpackLimits;
}

/** What came of it. Plain JSON. `needs-parents`: call again with `lowerDirs` and a new empty directory. */
export type UnpackResult =
  | {
      readonly kind: "done";
      /** Whether lower layers were consulted: then the tree is only good on top of these parents. */
      readonly dependsOnParents: boolean;
      /** Whether the layer sets attributes of the root directory. */
      readonly hasRootEntry: boolean;
      readonly entries: number;
      readonly unpackedBytes: number;
    }
  | { readonly kind: "needs-parents" };

const READ_BYTES = 256 * 1024;

/** How a job is run in this process. */
export interface UnpackOptions {
  readonly signal?: AbortSignal;
  /** The packed blob while it arrives. Its own digest is the caller's to check. */
  readonly packed?: AsyncIterable<Uint8Array>;
}

/**
 * Unpacks one layer as an overlayfs lower directory and checks its diffID. Everything is on disk (syncfs) on return
 * unless `durability` says otherwise. On any error `targetDir` and `targetDir + ".trash"` hold rubbish: remove both, they are never to be used.
 * @throws {ImageError} "image/bad-layer", "image/too-large", "image/unsupported-media-type";
 *   {StoreError} "store/content-mismatch" for another diffID; {SysError} "sys/no-space" and others of the disk.
 */
export async function unpackLayerJob(input: UnpackInput, options: UnpackOptions = {}): Promise<UnpackResult> {
  using lower = input.lowerDirs === undefined ? undefined : new LowerLayers(input.lowerDirs);
  using tree = new LayerTree(input.targetDir, lower);
  using trash = new TrashDir(`${input.targetDir}.trash`);
  using writer = new LayerWriter(tree, { trash: () => trash.fd(), writesBack: input.durability !== "later" });
  try {
    const unpackedBytes = await pump(input, writer, options);
    writer.setDirTimes();
    if ((input.durability ?? "on-return") === "on-return") syncTree(input.targetDir);
    return {
      kind: "done",
      dependsOnParents: tree.dependsOnParents,
      hasRootEntry: writer.hasRootEntry,
      entries: writer.entries,
      unpackedBytes,
    };
  } catch (reason) {
    if (reason instanceof StoreError && reason.code === "store/needs-parents") return { kind: "needs-parents" };
    throw reason;
  }
}

async function pump(input: UnpackInput, writer: LayerWriter, options: UnpackOptions): Promise<number> {
  const { compression } = parseLayerMediaType(input.mediaType);
  const { maxEntries } = input.limits;
  const maxUnpackedBytes = unpackedByteLimit(input.limits, input.packedBytes ?? sizeOf(input.blobPath));
  const reader = new TarReader(writer, { maxEntries, maxContentBytes: maxUnpackedBytes });
  const hash = createHasher(splitDigest(input.diffId).algorithm);
  let unpackedBytes = 0;
  for await (const chunk of decompress(options.packed ?? readFile(input.blobPath), compression)) {
    options.signal?.throwIfAborted();
    unpackedBytes += chunk.byteLength;
    if (unpackedBytes > maxUnpackedBytes) {
      throw new ImageError(
        "image/too-large",
        `Cannot unpack layer ${input.diffId}: more than ${maxUnpackedBytes} bytes`,
        {
          hint: "do not trust this image; if its layer is meant to hold so many zeros, publish it uncompressed",
        },
      );
    }
    hash.update(chunk);
    reader.push(chunk);
  }
  reader.end();
  assertDiffId(input.diffId, hash.digest());
  return unpackedBytes;
}

function assertDiffId(want: Digest, got: Digest): void {
  if (want === got) return;
  throw new StoreError("store/content-mismatch", `Cannot unpack layer ${want}: its content has the digest ${got}`, {
    hint: "tell the publisher of the image: its config and its layers do not belong together",
    data: { wantDigest: want, gotDigest: got },
  });
}

function sizeOf(path: string): number {
  using file = new OwnedFd(openat2(AT_FDCWD, path, { flags: O_RDONLY }));
  return fstatat(file.fd, new Uint8Array(), AT_EMPTY_PATH).size;
}

/** New memory for every chunk: the decompressor works on it while the next one is read. */
function* readFile(path: string): Iterable<Uint8Array> {
  using file = new OwnedFd(openat2(AT_FDCWD, path, { flags: O_RDONLY }));
  for (;;) {
    const buffer = new Uint8Array(READ_BYTES);
    const count = read(file.fd, buffer);
    if (count === 0) return;
    yield buffer.subarray(0, count);
  }
}

/** Made at first need: hardly any layer replaces a directory. */
class TrashDir implements Disposable {
  readonly #path: string;
  #dir: OwnedFd | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  fd(): number {
    if (this.#dir !== undefined) return this.#dir.fd;
    mkdirat(AT_FDCWD, this.#path, 0o700);
    this.#dir = new OwnedFd(openat2(AT_FDCWD, this.#path, { flags: O_PATH | O_DIRECTORY }));
    return this.#dir.fd;
  }

  [Symbol.dispose](): void {
    this.#dir?.[Symbol.dispose]();
  }
}
