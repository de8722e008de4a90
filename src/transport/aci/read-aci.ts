import type { AciManifest } from "../../image/aci/manifest.ts";
import { AciArchiveReader, badAci } from "../../image/aci/read-archive.ts";
import { createHasher, type Digest } from "../../image/digest.ts";
import { ImageError } from "../../image/errors.ts";
import type { ReadContent } from "../../image/layer/encode-tree.ts";
import type { FileTree } from "../../image/layer/file-tree.ts";
import { TarReader } from "../../image/layer/tar-reader.ts";
import type { PrivateFile } from "../archive/private-file.ts";
import { type ContentSpool, createContentSpool } from "./content-spool.ts";
import { type DecompressHost, plainChunks } from "./plain-chunks.ts";

/** Trees are held in memory while an image is read; how large one gets is bounded there. */
export const TREE_LIMITS = { maxEntries: 1_000_000, maxContentBytes: 64 * 1024 ** 3 };

/** An App Container Image that was read to its end. */
export interface ReadAci extends Disposable {
  readonly manifest: AciManifest;
  /** sha512 of the uncompressed archive. */
  readonly imageId: Digest;
  /** What is beneath rootfs, without what the white-list leaves out. */
  readonly tree: FileTree;
  readonly readContent: ReadContent;
}

/**
 * Reads an App Container Image from a private copy, once, whole.
 * @throws {ImageError} "image/bad-archive", "image/bad-manifest", "image/bad-layer", "image/too-large"; {TransportError}
 */
export async function readAci(
  host: DecompressHost,
  from: { readonly file: PrivateFile; readonly place: string },
  options: { readonly signal?: AbortSignal } = {},
): Promise<ReadAci> {
  using guard = new DisposableStack();
  const spool: ContentSpool = guard.use(createContentSpool(host.temp));
  const handler = new AciArchiveReader(spool);
  const reader = new TarReader(handler, TREE_LIMITS);
  const hasher = createHasher("sha512");
  try {
    for await (const chunk of plainChunks(host, from, options)) {
      options.signal?.throwIfAborted();
      hasher.update(chunk);
      reader.push(chunk);
    }
    reader.end();
  } catch (reason) {
    if (reason instanceof ImageError && reason.code === "image/bad-layer") throw badAci(reason.message, reason);
    throw reason;
  }
  const manifest = handler.finish();
  const held = guard.move();
  return {
    manifest,
    imageId: hasher.digest(),
    tree: handler.tree,
    readContent: spool.read,
    [Symbol.dispose]: () => held.dispose(),
  };
}
