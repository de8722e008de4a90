import { badArchive } from "../image/layer/bad-archive.ts";
import { type ByteString, fromByteString, showBytes, splitEntryPath } from "../image/layer/entry-path.ts";
import type { TarEntry } from "../image/layer/tar-entry.ts";
import type { TarHandler } from "../image/layer/tar-reader.ts";
import { readWhiteout, type Whiteout } from "../image/layer/whiteout.ts";
import {
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_WRONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
} from "../sys/linux/constants.ts";
import {
  close,
  linkat,
  makeDevice,
  mknodat,
  openat2,
  renameat2,
  startWriteback,
  symlinkat,
  unlinkat,
  write,
} from "../sys/linux/fs-calls.ts";
import { hasErrno } from "../sys/linux/libc.ts";
import { copyUp } from "./copy-up.ts";
import { applyAttributes, attributesOf, type LayerAttributes, type Place, setModifiedAt } from "./layer-attributes.ts";
import type { LayerTree } from "./layer-tree.ts";
import { isDirectory, isWhiteout } from "./lower-layers.ts";

/** Files from this size on go to the disk while the rest is unpacked; for smaller ones that would be a seek each. */
const WRITEBACK_BYTES = 256 * 1024;
const MAX_MAJOR = 0xfff;
const MAX_MINOR = 0xfffff;

/** What stood where a member is to be written. */
type Replaced = "nothing" | "whiteout" | "directory" | "file";

/** A regular file that its content is being written to. */
interface OpenFile {
  readonly fd: number;
  readonly place: Place;
  readonly attributes: LayerAttributes;
  /** Whether the attributes are right already, but for the times. */
  readonly isComplete: boolean;
  readonly sizeBytes: number;
}

/**
 * Writes the members of a layer into its tree, in the form overlayfs wants. A later member replaces an earlier one of
 * its name. Directories that are no longer wanted go to `trash`, to be removed by the caller.
 */
export class LayerWriter implements TarHandler, Disposable {
  /** Whether the layer says something about the root directory itself. */
  hasRootEntry = false;
  entries = 0;
  readonly #tree: LayerTree;
  readonly #trash: () => number;
  readonly #writesBack: boolean;
  #trashed = 0;
  /** Whether the tree must forget opened directories; done before the next member, this one still uses them. */
  #stale = false;
  #file: OpenFile | undefined;

  /** `writesBack`: large files start their way to the disk at once, for who will wait until all is there. */
  constructor(tree: LayerTree, { trash, writesBack }: { readonly trash: () => number; readonly writesBack: boolean }) {
    this.#tree = tree;
    this.#writesBack = writesBack;
    this.#trash = trash;
  }

  onEntry(entry: TarEntry): void {
    this.entries++;
    if (this.#stale) this.#tree.forget();
    this.#stale = false;
    const names = splitEntryPath(entry.path);
    const name = names.pop();
    if (name === undefined) {
      this.#writeRoot(entry);
      return;
    }
    const whiteout: Whiteout = entry.path.includes(".wh.") ? readWhiteout(names, name) : { kind: "none" };
    if (whiteout.kind === "ignore") return;
    const place = { dirFd: this.#tree.dirFd(names), name };
    if (whiteout.kind === "hide") this.#hide({ dirFd: place.dirFd, name: whiteout.name });
    else if (whiteout.kind === "opaque") this.#tree.makeOpaque({ dirFd: place.dirFd, name: "." });
    else this.#write(entry, place, names);
  }

  onData(chunk: Uint8Array): void {
    if (this.#file !== undefined) write(this.#file.fd, chunk);
  }

  onEntryEnd(): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#file = undefined;
    if (this.#writesBack && file.sizeBytes >= WRITEBACK_BYTES) startWriteback(file.fd);
    close(file.fd);
    this.#finish(file.place, file.attributes, file);
  }

  /** To be called after the last member: what would change directories' times is over now. */
  setDirTimes(): void {
    this.#tree.forget();
    for (const { names, mtimeNs } of this.#tree.dirTimes.entries()) {
      const parent = this.#tree.existingDirFd(names.slice(0, -1));
      const place = parent === undefined ? undefined : { dirFd: parent, name: names.at(-1) ?? "." };
      const stat = place === undefined ? undefined : this.#tree.stat(place);
      // A member after it may have put something else in its place.
      if (place !== undefined && stat !== undefined && isDirectory(stat)) setModifiedAt(place, mtimeNs);
    }
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) close(this.#file.fd);
    this.#file = undefined;
  }

  #writeRoot(entry: TarEntry): void {
    if (entry.kind !== "dir") throw badArchive(`"${showBytes(entry.path)}" is the root but no directory`);
    this.hasRootEntry = true;
    const attributes = attributesOf(entry);
    this.#tree.setDirAttributes({ dirFd: this.#tree.rootFd, name: "." }, attributes);
    this.#tree.dirTimes.set([], attributes.mtimeNs);
  }

  #write(entry: TarEntry, place: Place, parent: readonly ByteString[]): void {
    switch (entry.kind) {
      case "dir":
        this.#writeDir(entry, place, [...parent, place.name]);
        return;
      case "file":
        this.#openFile(entry, place);
        return;
      case "hardlink":
        this.#writeHardLink(entry, place, parent);
        return;
      case "symlink":
        this.#create(place, (name) => symlinkat(fromByteString(entry.linkTarget), place.dirFd, name));
        // A link's own mode means nothing.
        this.#finish(place, attributesOf(entry), { isSymlink: true });
        return;
      default:
        this.#create(place, (name) => makeNode(entry, place.dirFd, name));
        this.#finish(place, attributesOf(entry));
    }
  }

  #openFile(entry: TarEntry, place: Place): void {
    const attributes = attributesOf(entry);
    const isComplete = this.#tree.birth.isEnough(attributes);
    const modeOctal = isComplete ? attributes.modeOctal : 0o600;
    const fd = this.#create(place, (name) => createFile(place.dirFd, name, modeOctal));
    this.#file = { fd, place, attributes, isComplete, sizeBytes: entry.sizeBytes };
  }

  #writeDir(entry: TarEntry, place: Place, names: readonly ByteString[]): void {
    const attributes = attributesOf(entry);
    try {
      this.#tree.makeDir(place, attributes);
    } catch (reason) {
      if (!hasErrno(reason, "EEXIST")) throw reason;
      if (this.#clear(place, "dir") === "directory") this.#tree.setDirAttributes(place, attributes);
      else {
        this.#tree.makeDir(place, attributes);
        // Whatever was there had hidden the directory of the lower layers; the new one must not show it again.
        this.#tree.makeOpaque(place);
      }
    }
    const parent = this.#tree.withoutLinks(names.slice(0, -1));
    this.#tree.dirTimes.set([...parent, place.name], attributes.mtimeNs);
  }

  #writeHardLink(entry: TarEntry, place: Place, parent: readonly ByteString[]): void {
    const names = splitEntryPath(entry.linkTarget);
    const name = names.pop();
    if (name === undefined) throw badArchive(`"${showBytes(entry.path)}" is a hard link to the root`);
    const found = this.#findHere(names, name);
    const target = found ?? { dirFd: this.#tree.dirFd(copyUp(this.#tree, names, name)), name };
    // Opening the target's directory may have closed this one.
    const here = { dirFd: this.#tree.dirFd(parent), name: place.name };
    const stat = this.#tree.stat(target);
    if (stat !== undefined && isDirectory(stat))
      throw badArchive(`"${showBytes(entry.path)}" is a hard link to a directory`);
    const existing = this.#tree.stat(here);
    if (existing !== undefined && existing.ino === stat?.ino) return;
    this.#create(here, (newName) => linkat(target.dirFd, fromByteString(target.name), here.dirFd, newName));
  }

  #findHere(names: readonly ByteString[], name: ByteString): Place | undefined {
    const dirFd = this.#tree.existingDirFd(names);
    if (dirFd === undefined) return undefined;
    const stat = this.#tree.stat({ dirFd, name });
    if (stat === undefined) return undefined;
    if (isWhiteout(stat)) throw badArchive(`"${showBytes([...names, name].join("/"))}" is linked to but was deleted`);
    return { dirFd, name };
  }

  /** Hides the lower layers' file; what this layer itself has under the name stays. */
  #hide(place: Place): void {
    const stat = this.#tree.stat(place);
    if (stat === undefined) mknodat(place.dirFd, fromByteString(place.name), S_IFCHR, 0n);
    else if (isDirectory(stat)) this.#tree.makeOpaque(place);
  }

  #create<T>(place: Place, make: (name: Uint8Array) => T): T {
    const name = fromByteString(place.name);
    try {
      return make(name);
    } catch (reason) {
      if (!hasErrno(reason, "EEXIST")) throw reason;
      this.#clear(place, "file");
      return make(name);
    }
  }

  #clear(place: Place, wanted: "dir" | "file"): Replaced {
    const stat = this.#tree.stat(place);
    if (stat === undefined) return "nothing";
    const name = fromByteString(place.name);
    if (isDirectory(stat)) {
      if (wanted === "dir") return "directory";
      renameat2(place.dirFd, name, this.#trash(), String(this.#trashed++));
      this.#stale = true;
      return "directory";
    }
    unlinkat(place.dirFd, name);
    if ((stat.mode & S_IFMT) === S_IFLNK) this.#stale = true;
    return isWhiteout(stat) ? "whiteout" : "file";
  }

  #finish(
    place: Place,
    attributes: LayerAttributes,
    made: { readonly isSymlink?: boolean; readonly isComplete?: boolean } = {},
  ): void {
    if (made.isComplete !== true) applyAttributes(place, attributes, made.isSymlink === true);
    setModifiedAt(place, attributes.mtimeNs);
  }
}

function createFile(dirFd: number, name: Uint8Array, modeOctal: number): number {
  return openat2(dirFd, name, { flags: O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, modeOctal });
}

function makeNode(entry: TarEntry, dirFd: number, name: Uint8Array): void {
  if (entry.kind === "fifo") {
    mknodat(dirFd, name, S_IFIFO | 0o600, 0n);
    return;
  }
  const { devMajor, devMinor } = entry;
  if (devMajor < 0 || devMajor > MAX_MAJOR || devMinor < 0 || devMinor > MAX_MINOR)
    throw badArchive(`device number of "${showBytes(entry.path)}" is out of range`);
  // On an overlay that node *is* a whiteout: an image must not hide files by this back door.
  if (entry.kind === "char" && devMajor === 0 && devMinor === 0)
    throw badArchive(`"${showBytes(entry.path)}" is the character device 0:0, which cannot be stored`);
  mknodat(dirFd, name, (entry.kind === "char" ? S_IFCHR : S_IFBLK) | 0o600, makeDevice(devMajor, devMinor));
}
