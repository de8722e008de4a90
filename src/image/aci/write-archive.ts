import { gatherChunks } from "../../base/bytes.ts";
import { TAR_END, tarPadding } from "../layer/encode-tar.ts";
import { encodeTarEntry } from "../layer/encode-tar-entry.ts";
import { encodeTree, type ReadContent } from "../layer/encode-tree.ts";
import type { FileTree } from "../layer/file-tree.ts";
import type { AciManifest } from "./manifest.ts";
import { findValue } from "./name-values.ts";

/**
 * An App Container Image as an uncompressed tar archive; its sha512 is the image ID. The same manifest and tree give the
 * same bytes everywhere: the manifest first, dated by its own `created`, then the tree in the order of `encodeTree`.
 */
export function encodeAci(
  image: { readonly manifest: AciManifest; readonly tree: FileTree },
  readContent: ReadContent,
): Iterable<Uint8Array> {
  return gatherChunks(aciChunks(image, readContent));
}

function* aciChunks(
  { manifest, tree }: Parameters<typeof encodeAci>[0],
  readContent: ReadContent,
): Iterable<Uint8Array> {
  yield encodeTarEntry({
    kind: "file",
    path: "manifest",
    linkTarget: "",
    modeOctal: 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: manifest.raw.byteLength,
    modifiedAt: { seconds: createdSeconds(manifest), nanoseconds: 0 },
    devMajor: 0,
    devMinor: 0,
    xattrs: new Map(),
  });
  yield manifest.raw;
  yield tarPadding(manifest.raw.byteLength);
  yield* encodeTree(tree, readContent, { prefix: "rootfs/", root: "always" });
  yield TAR_END;
}

function createdSeconds(manifest: AciManifest): number {
  const created = findValue(manifest.annotations, "created");
  return created === undefined ? 0 : Math.max(0, Math.floor(Date.parse(created) / 1000));
}
