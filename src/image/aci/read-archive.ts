import { MAX_DOCUMENT_BYTES } from "../decode-document.ts";
import { ImageError } from "../errors.ts";
import { assertNode, type ContentSink, inodeOf } from "../layer/apply-layer.ts";
import { type ByteString, showBytes, splitEntryPath } from "../layer/entry-path.ts";
import { chargeNode, createTree, type FileTree, impliedDir, NO_CONTENT, type TreeNode } from "../layer/file-tree.ts";
import type { TarEntry } from "../layer/tar-entry.ts";
import type { TarHandler } from "../layer/tar-reader.ts";
import { type AciManifest, parseAciManifest } from "./manifest.ts";

/**
 * Reads the members of an App Container Image: the manifest, and the files beneath `rootfs`. Nothing else may be there,
 * nothing twice, and nothing is written through a link.
 * Spec: appc 0.8.11, aci.md "Image Archives".
 */
export class AciArchiveReader implements TarHandler {
  readonly tree: FileTree = createTree();
  readonly #sink: ContentSink;
  #manifest: Uint8Array[] | undefined;
  #inManifest = false;
  #hasRootfs = false;
  #fileEnds = 0;

  constructor(sink: ContentSink) {
    this.#sink = sink;
  }

  /** @throws {ImageError} "image/bad-archive" */
  onEntry(entry: TarEntry): void {
    this.#inManifest = false;
    this.#fileEnds = this.#sink.offset + entry.sizeBytes;
    const names = splitEntryPath(entry.path);
    const [top, ...rest] = names;
    if (top === undefined) {
      if (entry.kind !== "dir") throw badAci(`"${showBytes(entry.path)}" is the top and no directory`);
    } else if (top === "manifest" && rest.length === 0) this.#startManifest(entry);
    else if (top !== "rootfs") throw badAci(`"${showBytes(entry.path)}" is neither the manifest nor in rootfs`);
    else if (rest.length === 0) this.#writeRootfs(entry);
    else this.#write(entry, rest);
  }

  onData(chunk: Uint8Array): void {
    if (this.#inManifest) this.#manifest?.push(chunk.slice());
    else if (this.#sink.offset < this.#fileEnds) this.#sink.write(chunk);
  }

  onEntryEnd(): void {
    this.#inManifest = false;
  }

  /**
   * The manifest, to be called after the last member.
   * @throws {ImageError} "image/bad-archive" when manifest or rootfs is missing, "image/bad-manifest".
   */
  finish(): AciManifest {
    if (this.#manifest === undefined) throw badAci('it has no file "manifest"');
    if (!this.#hasRootfs) throw badAci('it has no directory "rootfs"');
    return parseAciManifest(Buffer.concat(this.#manifest));
  }

  #startManifest(entry: TarEntry): void {
    if (entry.kind !== "file") throw badAci('"manifest" is not a regular file');
    if (this.#manifest !== undefined) throw badAci('it has "manifest" twice');
    if (entry.sizeBytes > MAX_DOCUMENT_BYTES) throw badAci(`"manifest" has more than ${MAX_DOCUMENT_BYTES} bytes`);
    this.#manifest = [];
    this.#inManifest = true;
  }

  #writeRootfs(entry: TarEntry): void {
    if (entry.kind !== "dir") throw badAci('"rootfs" is not a directory');
    if (this.#hasRootfs) throw badAci('it has "rootfs" twice');
    this.#hasRootfs = true;
    this.tree.root.inode = inodeOf(entry, { layer: 0, content: NO_CONTENT });
    this.tree.root.isImplied = false;
  }

  #write(entry: TarEntry, names: readonly ByteString[]): void {
    const name = names.at(-1) ?? "";
    const dir = this.#dir(entry, names.slice(0, -1));
    const existing = dir.children?.get(name);
    if (entry.kind === "dir" && existing?.isImplied === true) {
      existing.inode = inodeOf(entry, { layer: 0, content: NO_CONTENT });
      existing.isImplied = false;
      return;
    }
    if (existing !== undefined) throw badAci(`it has "${showBytes(entry.path)}" twice`);
    assertNode(entry);
    const content = { offset: this.#sink.offset, sizeBytes: entry.sizeBytes };
    const inode = entry.kind === "hardlink" ? this.#linked(entry) : inodeOf(entry, { layer: 0, content });
    chargeNode(this.tree, name, inode);
    const children = entry.kind === "dir" ? { children: new Map<ByteString, TreeNode>() } : {};
    dir.children?.set(name, { inode, isImplied: false, layer: 0, ...children });
  }

  #linked(entry: TarEntry): TreeNode["inode"] {
    const [top, ...names] = splitEntryPath(entry.linkTarget);
    let node: TreeNode | undefined = top === "rootfs" ? this.tree.root : undefined;
    for (const name of names) node = node?.children?.get(name);
    if (node !== undefined && node.children === undefined) {
      this.tree.shared.add(node.inode);
      return node.inode;
    }
    throw badAci(
      `"${showBytes(entry.path)}" is a hard link to "${showBytes(entry.linkTarget)}", which is no file before it`,
    );
  }

  #dir(entry: TarEntry, names: readonly ByteString[]): TreeNode {
    let dir = this.tree.root;
    for (const name of names) {
      let next = dir.children?.get(name);
      if (next === undefined) {
        next = impliedDir(0);
        chargeNode(this.tree, name);
        dir.children?.set(name, next);
      }
      if (next.children === undefined) throw badAci(`"${showBytes(entry.path)}" lies beneath a file or link`);
      dir = next;
    }
    return dir;
  }
}

/** The refusal of an archive that is no App Container Image. */
export function badAci(state: string, cause?: unknown): ImageError {
  return new ImageError("image/bad-archive", `Cannot read App Container Image: ${state}`, {
    hint: "make it again with a manifest file and a rootfs directory, and nothing beside them",
    ...(cause === undefined ? {} : { cause }),
  });
}
