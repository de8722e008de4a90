import { badArchive } from "./bad-archive.ts";
import { type ByteString, showBytes, splitEntryPath } from "./entry-path.ts";
import {
  type ContentRef,
  chargeNode,
  type FileTree,
  type Inode,
  impliedDir,
  NO_CONTENT,
  type TreeNode,
  walkDirs,
} from "./file-tree.ts";
import type { TarEntry } from "./tar-entry.ts";
import type { TarHandler } from "./tar-reader.ts";
import { parseWhiteout, readWhiteout } from "./whiteout.ts";

/** Takes file contents in order; `offset` is where the next byte goes. */
export interface ContentSink {
  readonly offset: number;
  write(chunk: Uint8Array): void;
}

/** Attributes that steer overlayfs, or are the host's own labels: no part of an image. */
export const RESERVED_XATTRS: readonly string[] = ["trusted.overlay.", "user.overlay.", "security.selinux"];

const NO_XATTRS: ReadonlyMap<ByteString, Uint8Array> = new Map();

/**
 * Applies the members of one layer to a tree that holds the layers below: the result is what an overlay of the unpacked
 * layers shows. Whiteouts hide what is below and never what the layer itself has; later members replace earlier ones;
 * a hard link to a file of a lower layer copies it up. Contents go to the sink.
 * Spec: OCI image-spec v1.1.0, layer.md.
 */
export class LayerApplier implements TarHandler {
  readonly #tree: FileTree;
  readonly #layer: number;
  readonly #sink: ContentSink;
  readonly #dirs = new Map<string, TreeNode>();
  #fileEnds = 0;

  constructor(tree: FileTree, { layer, sink }: { readonly layer: number; readonly sink: ContentSink }) {
    this.#tree = tree;
    this.#layer = layer;
    this.#sink = sink;
  }

  onEntry(entry: TarEntry): void {
    const names = splitEntryPath(entry.path);
    const name = names.pop();
    this.#fileEnds = this.#sink.offset + entry.sizeBytes;
    if (name === undefined) {
      this.#writeRoot(entry);
      return;
    }
    const whiteout = entry.path.includes(".wh.") ? readWhiteout(names, name) : parseWhiteout("");
    if (whiteout.kind === "ignore") return;
    const dir = this.#dir(names);
    if (whiteout.kind === "hide") this.#hide(dir, whiteout.name);
    else if (whiteout.kind === "opaque") this.#prune(dir);
    else this.#write(entry, dir, name);
  }

  onData(chunk: Uint8Array): void {
    if (this.#sink.offset < this.#fileEnds) this.#sink.write(chunk);
  }

  onEntryEnd(): void {
    // Nothing is open between members.
  }

  #writeRoot(entry: TarEntry): void {
    if (entry.kind !== "dir") throw badArchive(`"${showBytes(entry.path)}" is the root but no directory`);
    const { root } = this.#tree;
    root.inode = inodeOf(entry, { layer: this.#layer, content: NO_CONTENT });
    root.isImplied = false;
    root.layer = this.#layer;
  }

  #write(entry: TarEntry, dir: TreeNode, name: ByteString): void {
    if (entry.kind === "hardlink") {
      this.#link(entry, dir, name);
      return;
    }
    assertNode(entry);
    const content = { offset: this.#sink.offset, sizeBytes: entry.sizeBytes };
    const inode = inodeOf(entry, { layer: this.#layer, content });
    const existing = dir.children?.get(name);
    if (entry.kind === "dir" && existing?.children !== undefined) {
      existing.inode = inode;
      existing.isImplied = false;
      existing.layer = this.#layer;
      return;
    }
    const children = entry.kind === "dir" ? { children: new Map<ByteString, TreeNode>() } : {};
    this.#place(dir, name, { inode, isImplied: false, layer: this.#layer, ...children });
  }

  #link(entry: TarEntry, dir: TreeNode, name: ByteString): void {
    const names = splitEntryPath(entry.linkTarget);
    const last = names.pop();
    if (last === undefined) throw badArchive(`"${showBytes(entry.path)}" is a hard link to the root`);
    const target = this.#dir(names).children?.get(last);
    if (target === undefined)
      throw badArchive(
        `"${showBytes(entry.path)}" is a hard link to "${showBytes(entry.linkTarget)}", which is not there`,
      );
    if (target.children !== undefined) throw badArchive(`"${showBytes(entry.path)}" is a hard link to a directory`);
    if (target === dir.children?.get(name)) return;
    if (target.inode.layer !== this.#layer) target.inode = { ...target.inode, layer: this.#layer };
    target.layer = this.#layer;
    this.#tree.shared.add(target.inode);
    this.#place(dir, name, { inode: target.inode, isImplied: false, layer: this.#layer });
  }

  /** Hides what is below; what this layer itself has under the name stays. */
  #hide(dir: TreeNode, name: ByteString): void {
    const found = dir.children?.get(name);
    if (found === undefined) return;
    if (found.layer === this.#layer) this.#prune(found);
    else {
      dir.children?.delete(name);
      this.#dirs.clear();
    }
  }

  #prune(dir: TreeNode): void {
    for (const [name, child] of dir.children ?? []) {
      if (child.layer === this.#layer) this.#prune(child);
      else dir.children?.delete(name);
    }
    this.#dirs.clear();
  }

  #place(dir: TreeNode, name: ByteString, node: TreeNode): void {
    const kind = dir.children?.get(name)?.inode.kind;
    if (kind === "dir" || kind === "symlink") this.#dirs.clear();
    chargeNode(this.#tree, name, node.inode);
    dir.children?.set(name, node);
  }

  #dir(names: readonly ByteString[]): TreeNode {
    const key = names.join("/");
    const known = this.#dirs.get(key);
    if (known !== undefined) return known;
    const make = (dir: TreeNode, name: ByteString): TreeNode => {
      const made = impliedDir(this.#layer);
      this.#place(dir, name, made);
      return made;
    };
    const found = walkDirs(this.#tree, names, {
      visit: (node) => {
        node.layer = this.#layer;
      },
      missing: make,
      other: (dir, name, there) => {
        if (there.layer !== this.#layer) return make(dir, name);
        throw badArchive(`"${showBytes(key)}" is used as a directory but is none`);
      },
    });
    const dir = found ?? this.#tree.root;
    this.#dirs.set(key, dir);
    return dir;
  }
}

/** What a member is without its name. */
export function inodeOf(entry: TarEntry, more: { readonly layer: number; readonly content: ContentRef }): Inode {
  const { modeOctal, uid, gid, modifiedAt, linkTarget, devMajor, devMinor } = entry;
  return {
    kind: entry.kind === "hardlink" ? "file" : entry.kind,
    modeOctal: entry.kind === "symlink" ? 0o777 : modeOctal,
    uid,
    gid,
    modifiedAt,
    xattrs: keptXattrs(entry.xattrs),
    linkTarget,
    devMajor: entry.kind === "char" || entry.kind === "block" ? devMajor : 0,
    devMinor: entry.kind === "char" || entry.kind === "block" ? devMinor : 0,
    content: entry.kind === "file" ? more.content : NO_CONTENT,
    layer: more.layer,
  };
}

/** @throws {ImageError} "image/bad-layer" for the device that overlayfs takes for a deleted file. */
export function assertNode(entry: TarEntry): void {
  if (entry.kind === "char" && entry.devMajor === 0 && entry.devMinor === 0)
    throw badArchive(`"${showBytes(entry.path)}" is the character device 0:0, which cannot be stored`);
}

function keptXattrs(xattrs: TarEntry["xattrs"]): ReadonlyMap<ByteString, Uint8Array> {
  if (xattrs.size === 0) return NO_XATTRS;
  const kept = [...xattrs].filter(([name]) => !RESERVED_XATTRS.some((reserved) => name.startsWith(reserved)));
  return new Map(kept.sort(([a], [b]) => (a < b ? -1 : 1)));
}
