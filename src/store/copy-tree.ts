import { type ByteString, fromByteString, showBytes } from "../image/layer/entry-path.ts";
import {
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from "../sys/linux/constants.ts";
import {
  fchmodat,
  linkat,
  mkdirat,
  mknodat,
  openat2,
  read,
  readlinkat,
  symlinkat,
  write,
} from "../sys/linux/fs-calls.ts";
import { OwnedFd } from "../sys/linux/owned-fd.ts";
import {
  applyAttributes,
  type LayerAttributes,
  type Place,
  procPath,
  readAttributes,
  setModifiedAt,
} from "./layer-attributes.ts";
import type { LowerFile } from "./lower-layers.ts";
import type { MergedTree } from "./merged-tree.ts";

const COPY_BYTES = 1024 * 1024;
const BENEATH = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;

/**
 * What the copy is for. `root`: another root file system, every attribute kept, devices made. `files`: files for the
 * caller: owned by the caller, without setuid, extended attributes, devices or pipes.
 */
export type CopyKind = "root" | "files";

/** What a copy did. */
export interface CopyResult {
  readonly files: number;
  readonly bytes: number;
  /** What was left out, with why. */
  readonly skipped: readonly string[];
}

/**
 * Copies a file or directory of an image to a new name in an opened directory. Nothing that is there is followed or
 * replaced, so a hostile image writes nowhere else. Hard links within the copy stay linked.
 * @throws {SysError} "sys/exists" when the name is taken, "sys/no-space" …
 */
export function copyTree(
  tree: MergedTree,
  from: { readonly names: readonly ByteString[]; readonly file: LowerFile },
  to: { readonly place: Place; readonly kind: CopyKind; readonly rootAttributes?: LayerAttributes },
): CopyResult {
  const copy = new Copy(tree, to.kind, to.place.dirFd);
  copy.any(from.names, from.file, { ...to.place, rel: to.place.name });
  if (to.rootAttributes !== undefined) {
    applyAttributes(to.place, to.rootAttributes, false);
    setModifiedAt(to.place, to.rootAttributes.mtimeNs);
  }
  return copy.result;
}

/** A name in an opened directory, and its path from where the copy began. */
interface CopyPlace extends Place {
  readonly rel: ByteString;
}

class Copy {
  readonly result = { files: 0, bytes: 0, skipped: [] as string[] };
  readonly #tree: MergedTree;
  readonly #kind: CopyKind;
  readonly #topFd: number;
  /** Layer and inode of files with several names → the first copy, from the top. */
  readonly #linked = new Map<string, ByteString>();
  readonly #buffer = new Uint8Array(COPY_BYTES);

  constructor(tree: MergedTree, kind: CopyKind, topFd: number) {
    this.#tree = tree;
    this.#topFd = topFd;
    this.#kind = kind;
  }

  any(names: readonly ByteString[], file: LowerFile, to: CopyPlace): void {
    const type = file.stat.mode & S_IFMT;
    const isSpecial = type === S_IFCHR || type === S_IFBLK || type === S_IFIFO;
    const isPlain = type === S_IFREG || type === S_IFDIR || type === S_IFLNK;
    if ((isSpecial && this.#kind === "files") || (!isSpecial && !isPlain)) {
      this.result.skipped.push(`${showBytes(names.join("/"))}: a device, pipe or socket`);
      return;
    }
    this.result.files++;
    if (type !== S_IFDIR && this.#link(file, to)) return;
    if (type === S_IFDIR) {
      this.#directory(names, file, to);
      return;
    }
    const name = fromByteString(to.name);
    if (type === S_IFREG) this.#content(file, to);
    else if (type === S_IFLNK) symlinkat(readlinkat(file.dirFd, fromByteString(file.name)), to.dirFd, name);
    else mknodat(to.dirFd, name, type | 0o600, file.stat.rdev);
    this.#attributes(file, to, type === S_IFLNK);
  }

  #directory(names: readonly ByteString[], file: LowerFile, to: CopyPlace): void {
    mkdirat(to.dirFd, fromByteString(to.name), 0o700);
    using dir = new OwnedFd(
      openat2(to.dirFd, fromByteString(to.name), { flags: O_PATH | O_DIRECTORY, resolve: BENEATH }),
    );
    for (const name of this.#tree.list(names)) {
      const path = [...names, name];
      const child = this.#tree.find(path);
      if (child !== undefined) this.any(path, child, { dirFd: dir.fd, name, rel: `${to.rel}/${name}` });
    }
    this.#attributes(file, to, false);
  }

  #link(file: LowerFile, to: CopyPlace): boolean {
    if (file.stat.nlink < 2) return false;
    const key = `${file.dirFd}:${file.stat.ino}`;
    const first = this.#linked.get(key);
    if (first === undefined) {
      this.#linked.set(key, to.rel);
      return false;
    }
    linkat(this.#topFd, fromByteString(first), to.dirFd, fromByteString(to.name));
    return true;
  }

  #content(file: LowerFile, to: Place): void {
    using source = new OwnedFd(
      openat2(file.dirFd, fromByteString(file.name), { flags: O_RDONLY | O_NOFOLLOW, resolve: BENEATH }),
    );
    const flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW;
    using target = new OwnedFd(openat2(to.dirFd, fromByteString(to.name), { flags, modeOctal: 0o600 }));
    for (let count = read(source.fd, this.#buffer); count > 0; count = read(source.fd, this.#buffer)) {
      write(target.fd, this.#buffer.subarray(0, count));
      this.result.bytes += count;
    }
  }

  #attributes(file: LowerFile, to: Place, isSymlink: boolean): void {
    const attributes = readAttributes(procPath(file), file.stat);
    if (this.#kind === "root") applyAttributes(to, attributes, isSymlink);
    else if (!isSymlink) fchmodat(to.dirFd, fromByteString(to.name), attributes.modeOctal & 0o777);
    setModifiedAt(to, attributes.mtimeNs);
  }
}
