import { badArchive } from "../image/layer/bad-archive.ts";
import { type ByteString, fromByteString, showBytes, toByteString } from "../image/layer/entry-path.ts";
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_DIRECTORY,
  O_PATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  S_IFLNK,
  S_IFMT,
} from "../sys/linux/constants.ts";
import { close, fstatat, type KernelStat, mkdirat, openat2, readlinkat, unlinkat } from "../sys/linux/fs-calls.ts";
import { hasErrno } from "../sys/linux/libc.ts";
import { lsetxattr } from "../sys/linux/xattr-calls.ts";
import { Birth } from "./birth.ts";
import { DirTimes } from "./dir-times.ts";
import { StoreError } from "./errors.ts";
import {
  applyAttributes,
  type LayerAttributes,
  OPAQUE_XATTR,
  type Place,
  procPath,
  readAttributes,
} from "./layer-attributes.ts";
import { isDirectory, isOpaque, isWhiteout, type LowerFile, type LowerLayers } from "./lower-layers.ts";

const MAX_OPEN_DIRS = 128;
const MAX_ALIASES = 4096;
/** As many as the kernel follows. */
const MAX_LINKS = 40;

/**
 * The directory a layer is unpacked into. Every path is resolved by the kernel as if that directory were the root, so
 * links inside the layer lead where they would lead in a container and never out of it. Missing parents are made; when
 * a lower layer has that directory they get its attributes, and when it has a link there, the link is followed: the
 * result on an overlay is what applying the layers one after another would give.
 */
export class LayerTree implements Disposable {
  readonly rootFd: number;
  /** Times to set on directories when their content is complete, by path. */
  readonly dirTimes = new DirTimes();
  /** What new files of the tree are like. */
  readonly birth: Birth;
  /** Whether the outcome depended on what the lower layers have, or would have. */
  dependsOnParents = false;
  readonly #lower: LowerLayers | undefined;
  readonly #dirs = new Map<string, number>();
  /** Paths through links of lower layers → the path they stand for. */
  readonly #aliases = new Map<string, readonly ByteString[]>();
  #hasOpaque = false;

  constructor(dir: string, lower: LowerLayers | undefined) {
    this.rootFd = openat2(AT_FDCWD, dir, { flags: O_PATH | O_DIRECTORY });
    this.birth = new Birth(this.rootFd);
    this.#lower = lower;
  }

  /** Descriptor of the directory at `names`, made when missing. Valid until the next but 100th call or `forget`. */
  dirFd(names: readonly ByteString[]): number {
    return this.existingDirFd(names) ?? this.#open(this.makeDirs(names), names) ?? this.#vanished(names);
  }

  /** Like `dirFd`, but undefined when this layer has no such directory (yet). */
  existingDirFd(names: readonly ByteString[]): number | undefined {
    if (names.length === 0) return this.rootFd;
    const key = names.join("/");
    const cached = this.#dirs.get(key);
    if (cached === undefined) return this.#open(this.#aliases.get(key) ?? names, names);
    // Last used goes to the end: the first is the one to close.
    this.#dirs.delete(key);
    this.#dirs.set(key, cached);
    return cached;
  }

  /** A directory's path without links of lower layers, as `dirFd` resolved it last. */
  withoutLinks(names: readonly ByteString[]): readonly ByteString[] {
    return this.#aliases.get(names.join("/")) ?? names;
  }

  /** Makes what is missing of a directory path; returns the path without links. */
  makeDirs(names: readonly ByteString[]): readonly ByteString[] {
    const done: ByteString[] = [];
    const todo = names.toReversed();
    let links = 0;
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      if (name === "..") {
        done.pop();
        continue;
      }
      const target = this.#step(done, name);
      if (target === undefined) {
        done.push(name);
        continue;
      }
      if (++links > MAX_LINKS) throw badArchive(`"${showBytes(names.join("/"))}" goes through too many links`);
      if (target.startsWith("/")) done.length = 0;
      todo.push(
        ...target
          .split("/")
          .filter((part) => part !== "" && part !== ".")
          .reverse(),
      );
    }
    // Only a memory of what can be found out again.
    if (this.#aliases.size >= MAX_ALIASES) this.#aliases.clear();
    this.#aliases.set(names.join("/"), done);
    return done;
  }

  /** Facts of a name in this layer. */
  stat(place: Place): KernelStat | undefined {
    try {
      return fstatat(place.dirFd, fromByteString(place.name), AT_SYMLINK_NOFOLLOW);
    } catch (reason) {
      if (hasErrno(reason, "ENOENT")) return undefined;
      throw reason;
    }
  }

  /** Makes a directory with everything but its times. @throws {SysError} with EEXIST when there is something. */
  makeDir(place: Place, attributes: LayerAttributes): void {
    const isEnough = this.birth.isEnough(attributes);
    mkdirat(place.dirFd, fromByteString(place.name), isEnough ? attributes.modeOctal : 0o700);
    if (!isEnough) this.setDirAttributes(place, attributes);
  }

  /** Sets everything of a directory but its times. */
  setDirAttributes(place: Place, attributes: LayerAttributes): void {
    applyAttributes(place, attributes, false);
    this.birth.noteDir(attributes);
  }

  /** Makes a directory hide its namesakes in lower layers. */
  makeOpaque(place: Place): void {
    lsetxattr(procPath(place), OPAQUE_XATTR, Buffer.from("y"));
    this.#hasOpaque = true;
  }

  /**
   * What the lower layers have at a path without links.
   * @throws {StoreError} "store/needs-parents" when nobody knows yet.
   */
  findLower(names: readonly ByteString[]): LowerFile | undefined {
    this.dependsOnParents = true;
    if (this.#lower === undefined)
      throw new StoreError("store/needs-parents", "Cannot unpack layer: it needs its parents unpacked first");
    const hidden = this.#hasOpaque && names.some((_, depth) => this.#isOpaqueHere(names.slice(0, depth)));
    return hidden ? undefined : this.#lower.find(names);
  }

  /** To be called after a directory or link was removed: what was resolved through it no longer holds. */
  forget(): void {
    for (const fd of this.#dirs.values()) close(fd);
    this.#dirs.clear();
    this.#aliases.clear();
  }

  [Symbol.dispose](): void {
    this.forget();
    close(this.rootFd);
  }

  #open(path: readonly ByteString[], names: readonly ByteString[]): number | undefined {
    if (path.length === 0) return this.rootFd;
    let fd: number;
    try {
      fd = openat2(this.rootFd, fromByteString(path.join("/")), {
        flags: O_PATH | O_DIRECTORY,
        resolve: RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
      });
    } catch (reason) {
      if (hasErrno(reason, "ENOENT", "ENOTDIR")) return undefined;
      throw hasErrno(reason, "ELOOP")
        ? badArchive(`"${showBytes(path.join("/"))}" goes through too many links`, reason)
        : reason;
    }
    this.#remember(names.join("/"), fd);
    return fd;
  }

  #remember(key: string, fd: number): void {
    const [oldest] = this.#dirs;
    if (oldest !== undefined && this.#dirs.size >= MAX_OPEN_DIRS) {
      this.#dirs.delete(oldest[0]);
      close(oldest[1]);
    }
    this.#dirs.set(key, fd);
  }

  /** One name further down: undefined when there is a directory now, or the target of the link that is there. */
  #step(done: readonly ByteString[], name: ByteString): ByteString | undefined {
    const place = { dirFd: this.existingDirFd(done) ?? this.#vanished(done), name };
    const stat = this.stat(place);
    if (stat === undefined) return this.#stepLower(place, [...done, name]);
    if (isDirectory(stat)) return undefined;
    if ((stat.mode & S_IFMT) === S_IFLNK) return toByteString(readlinkat(place.dirFd, fromByteString(name)));
    if (!isWhiteout(stat))
      throw badArchive(`"${showBytes([...done, name].join("/"))}" is used as a directory but is none`);
    unlinkat(place.dirFd, fromByteString(name));
    this.#makeDir(place, [...done, name], undefined);
    this.makeOpaque(place);
    return undefined;
  }

  #stepLower(place: Place, names: readonly ByteString[]): ByteString | undefined {
    const lower = this.findLower(names);
    if (lower !== undefined && (lower.stat.mode & S_IFMT) === S_IFLNK)
      return toByteString(readlinkat(lower.dirFd, fromByteString(lower.name)));
    this.#makeDir(place, names, lower !== undefined && isDirectory(lower.stat) ? lower : undefined);
    return undefined;
  }

  #makeDir(place: Place, names: readonly ByteString[], like: LowerFile | undefined): void {
    const plain = { modeOctal: 0o755, uid: 0, gid: 0, mtimeNs: 0n, xattrs: new Map() };
    const attributes = like === undefined ? plain : readAttributes(procPath(like), like.stat);
    this.makeDir(place, attributes);
    this.dirTimes.set(names, attributes.mtimeNs);
  }

  #isOpaqueHere(names: readonly ByteString[]): boolean {
    const fd = this.existingDirFd(names);
    return fd !== undefined && isOpaque(fd);
  }

  #vanished(names: readonly ByteString[]): never {
    throw new StoreError(
      "store/unpack-failed",
      `Cannot unpack layer: directory "${showBytes(names.join("/"))}" vanished meanwhile`,
      {
        hint: "make sure that nothing else writes into the store, then fetch again",
      },
    );
  }
}
