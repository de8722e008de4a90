import { gatherChunks } from "../../base/bytes.ts";
import { badArchive } from "./bad-archive.ts";
import { TAR_END, tarPadding } from "./encode-tar.ts";
import { encodeTarEntry } from "./encode-tar-entry.ts";
import { type ByteString, showBytes } from "./entry-path.ts";
import type { ContentRef, FileTree, Inode, TreeNode } from "./file-tree.ts";
import type { TarEntry } from "./tar-entry.ts";

/** Reads back what the sink of the applied layers was given. */
export type ReadContent = (content: ContentRef) => Iterable<Uint8Array>;

/**
 * A tree as the members of a tar archive, the same for the same tree on every machine: directories before what is in
 * them, names in the order of their bytes, of hard links the first name has the content. Without end mark.
 * `prefix` stands before every path. Directories nobody described are left out when something is in them, so is the root
 * unless `root` is "always".
 */
export function* encodeTree(
  tree: FileTree,
  readContent: ReadContent,
  options: { readonly prefix: "" | "rootfs/"; readonly root: "always" | "if-described" },
): Iterable<Uint8Array> {
  const seen = new Map<Inode, ByteString>();
  const { prefix } = options;
  if (!tree.root.isImplied || options.root === "always")
    yield encodeTarEntry(entryOf(tree.root.inode, prefix === "" ? "./" : prefix));
  const stack: { readonly path: ByteString; readonly node: TreeNode }[] = [];
  const push = (dir: TreeNode, path: ByteString): void => {
    const names = [...(dir.children ?? [])].sort(([a], [b]) => (a < b ? 1 : -1));
    for (const [name, node] of names) stack.push({ path: `${path}${name}`, node });
  };
  push(tree.root, prefix);
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { path, node } = top;
    if (node.children !== undefined) {
      // An empty one would not come back by itself.
      if (!node.isImplied || node.children.size === 0) yield encodeTarEntry(entryOf(node.inode, `${path}/`));
      push(node, `${path}/`);
      continue;
    }
    const first = seen.get(node.inode);
    if (first !== undefined) {
      yield encodeTarEntry({
        ...entryOf(node.inode, path),
        kind: "hardlink",
        linkTarget: first,
        sizeBytes: 0,
        xattrs: new Map(),
      });
      continue;
    }
    if (tree.shared.has(node.inode)) seen.set(node.inode, path);
    yield encodeTarEntry(entryOf(node.inode, path));
    if (node.inode.content.sizeBytes === 0) continue;
    yield* readContent(node.inode.content);
    yield tarPadding(node.inode.content.sizeBytes);
  }
}

/**
 * A tree as an OCI layer.
 * @throws {ImageError} "image/bad-layer" when a file's name means "deleted" there.
 */
export function encodeLayer(tree: FileTree, readContent: ReadContent): Iterable<Uint8Array> {
  assertNoWhiteoutNames(tree.root, "");
  return gatherChunks(layerChunks(tree, readContent));
}

function* layerChunks(tree: FileTree, readContent: ReadContent): Iterable<Uint8Array> {
  yield* encodeTree(tree, readContent, { prefix: "", root: "if-described" });
  yield TAR_END;
}

function assertNoWhiteoutNames(dir: TreeNode, path: ByteString): void {
  for (const [name, node] of dir.children ?? []) {
    if (name.startsWith(".wh."))
      throw badArchive(`"${showBytes(`${path}${name}`)}" has a name that means a deleted file in a layer`);
    if (node.children !== undefined) assertNoWhiteoutNames(node, `${path}${name}/`);
  }
}

function entryOf(inode: Inode, path: ByteString): TarEntry {
  const { kind, modeOctal, uid, gid, modifiedAt, xattrs, linkTarget, devMajor, devMinor, content } = inode;
  return {
    kind,
    path,
    modeOctal,
    uid,
    gid,
    modifiedAt,
    xattrs,
    linkTarget,
    devMajor,
    devMinor,
    sizeBytes: content.sizeBytes,
  };
}
