import { ImageError } from "../errors.ts";
import { badArchive } from "./bad-archive.ts";
import { type ByteString, showBytes } from "./entry-path.ts";
import type { FileTime, TarEntry } from "./tar-entry.ts";

/** Where the content of a file is: kept elsewhere, so that a tree holds names and attributes only. */
export interface ContentRef {
  readonly offset: number;
  readonly sizeBytes: number;
}

/** Everything about a file but its name. Two names with the same inode are hard links. */
export interface Inode {
  readonly kind: Exclude<TarEntry["kind"], "hardlink">;
  readonly modeOctal: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedAt: FileTime;
  readonly xattrs: ReadonlyMap<ByteString, Uint8Array>;
  readonly linkTarget: ByteString;
  readonly devMajor: number;
  readonly devMinor: number;
  readonly content: ContentRef;
  /** The layer that wrote it. */
  readonly layer: number;
}

/** A name in a tree. */
export interface TreeNode {
  inode: Inode;
  /** Present for directories only. */
  readonly children?: Map<ByteString, TreeNode>;
  /** A directory no archive had an entry for; it is there because something is in it. */
  isImplied: boolean;
  /** The last layer that said anything about this name. */
  layer: number;
}

/** A file system tree in memory, as the layers applied so far make it. */
export interface FileTree {
  readonly root: TreeNode;
  /** Inodes that have, or had, more than one name. */
  readonly shared: Set<Inode>;
  /** Estimate of the memory it takes. */
  costBytes: number;
}

/** What a tree may take: names, attributes, and the objects that hold them. About 260,000 files. */
const MAX_COST_BYTES = 128 * 1024 * 1024;
const NODE_COST_BYTES = 512;

/**
 * To be called for every name that is added. Hostile archives hold millions of files, directories within directories, or
 * attributes of a megabyte each.
 * @throws {ImageError} "image/too-large"
 */
export function chargeNode(tree: FileTree, name: ByteString, inode?: Inode): void {
  let cost = NODE_COST_BYTES + name.length;
  if (inode !== undefined) {
    cost += inode.linkTarget.length;
    for (const [key, value] of inode.xattrs) cost += key.length + value.byteLength;
  }
  tree.costBytes += cost;
  if (tree.costBytes <= MAX_COST_BYTES) return;
  throw new ImageError("image/too-large", "Cannot read image: its files are too many, or have too many attributes", {
    hint: "split the image, or use an OCI image as it is: only conversions and App Container Images have this limit",
  });
}

/** As many links as the kernel follows. */
const MAX_LINKS = 40;

/** An empty tree. */
export function createTree(): FileTree {
  return { root: impliedDir(-1), shared: new Set(), costBytes: 0 };
}

/** A directory that only exists because of what is in it: owned by root, at the epoch. */
export function impliedDir(layer: number): TreeNode {
  return { inode: IMPLIED, children: new Map(), isImplied: true, layer };
}

/** No content. */
export const NO_CONTENT: ContentRef = { offset: 0, sizeBytes: 0 };

const IMPLIED: Inode = {
  kind: "dir",
  modeOctal: 0o755,
  uid: 0,
  gid: 0,
  modifiedAt: { seconds: 0, nanoseconds: 0 },
  xattrs: new Map(),
  linkTarget: "",
  devMajor: 0,
  devMinor: 0,
  content: NO_CONTENT,
  layer: -1,
};

/**
 * The directory at a path, seen from inside the tree: links are followed and never lead out of it. `onMissing` is asked
 * for names that are not there, `onOther` for those that are neither directory nor link; what they return is entered.
 * @throws {ImageError} "image/bad-layer" when a path goes through too many links.
 */
export function walkDirs(
  tree: FileTree,
  names: readonly ByteString[],
  on: {
    readonly visit: (node: TreeNode) => void;
    readonly missing: (dir: TreeNode, name: ByteString) => TreeNode | undefined;
    readonly other: (dir: TreeNode, name: ByteString, found: TreeNode) => TreeNode | undefined;
  },
): TreeNode | undefined {
  const stack: TreeNode[] = [tree.root];
  const todo = names.toReversed();
  let links = 0;
  on.visit(tree.root);
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    const dir = stack.at(-1) ?? tree.root;
    if (name === "..") {
      if (stack.length > 1) stack.pop();
      continue;
    }
    const found = dir.children?.get(name);
    if (found?.inode.kind === "symlink") {
      if (++links > MAX_LINKS) throw badArchive(`"${showBytes(names.join("/"))}" goes through too many links`);
      const target = found.inode.linkTarget;
      if (target.startsWith("/")) stack.length = 1;
      todo.push(
        ...target
          .split("/")
          .filter((part) => part !== "" && part !== ".")
          .reverse(),
      );
      continue;
    }
    const next =
      found === undefined ? on.missing(dir, name) : found.children === undefined ? on.other(dir, name, found) : found;
    if (next === undefined) return undefined;
    on.visit(next);
    stack.push(next);
  }
  return stack.at(-1);
}
