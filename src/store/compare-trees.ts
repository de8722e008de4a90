import { type ByteString, fromByteString, showBytes, toByteString } from "../image/layer/entry-path.ts";
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from "../sys/linux/constants.ts";
import { fstatat, type KernelStat, openat2, read, readlinkat } from "../sys/linux/fs-calls.ts";
import { hasErrno } from "../sys/linux/libc.ts";
import { listDir } from "../sys/linux/list-dir.ts";
import { OwnedFd } from "../sys/linux/owned-fd.ts";
import { type Place, procPath, readAttributes } from "./layer-attributes.ts";
import { isDirectory } from "./lower-layers.ts";

/** So many differences tell enough. */
const MAX_DIFFERENCES = 100;
const READ_BYTES = 1024 * 1024;
const BENEATH = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;

/**
 * Holds a tree against what it should be: names, types, owners, modes, sizes, devices, times, links, contents byte by
 * byte, extended attributes (those of overlayfs too). At most 100 differences, each `path: what`.
 * Both are absolute paths of directories; their own attributes count when the layer says something about its root.
 */
export function compareTrees(
  want: string,
  got: string,
  options: { readonly hasRootEntry: boolean },
): readonly string[] {
  const open = (path: string) => new OwnedFd(openat2(AT_FDCWD, path, { flags: O_PATH | O_DIRECTORY }));
  using wantDir = open(want);
  using gotDir = open(got);
  const comparison = new Comparison();
  if (!options.hasRootEntry) comparison.children("/", wantDir.fd, gotDir.fd);
  else comparison.file("/", { dirFd: wantDir.fd, name: "." }, { dirFd: gotDir.fd, name: "." });
  return comparison.differences;
}

class Comparison {
  readonly differences: string[] = [];
  /** Inodes of the tree as it should be → those there, so that hard links are seen. */
  readonly #inodes = new Map<bigint, bigint>();
  readonly #buffers = [new Uint8Array(READ_BYTES), new Uint8Array(READ_BYTES)] as const;

  file(path: ByteString, want: Place, got: Place): void {
    if (this.differences.length >= MAX_DIFFERENCES) return;
    const [a, b] = [stat(want), stat(got)];
    if (a === undefined || b === undefined) this.#say(path, a === undefined ? "should not be there" : "is missing");
    else if ((a.mode & S_IFMT) !== (b.mode & S_IFMT)) this.#say(path, "is of another type");
    else this.#sameType(path, { want, a }, { got, b });
  }

  #sameType(
    path: ByteString,
    { want, a }: { readonly want: Place; readonly a: KernelStat },
    { got, b }: { readonly got: Place; readonly b: KernelStat },
  ): void {
    const type = a.mode & S_IFMT;
    this.#attributes(path, { want, a }, { got, b });
    if (isDirectory(a)) {
      this.#directory(path, want, got);
      return;
    }
    this.#links(path, a, b);
    if (type === S_IFLNK && target(want) !== target(got))
      this.#say(path, `points to "${showBytes(target(got))}", not "${showBytes(target(want))}"`);
    if (type === S_IFREG && a.size === b.size && !this.#isSameContent(want, got)) this.#say(path, "has other content");
  }

  #directory(path: ByteString, want: Place, got: Place): void {
    const open = (place: Place) =>
      new OwnedFd(
        openat2(place.dirFd, fromByteString(place.name), {
          flags: O_PATH | O_DIRECTORY | O_NOFOLLOW,
          resolve: BENEATH,
        }),
      );
    using wantDir = open(want);
    using gotDir = open(got);
    this.children(path, wantDir.fd, gotDir.fd);
  }

  children(path: ByteString, wantFd: number, gotFd: number): void {
    const names = new Set([...listDir(wantFd), ...listDir(gotFd)].map(toByteString));
    for (const name of [...names].sort())
      this.file(`${path === "/" ? "" : path}/${name}`, { dirFd: wantFd, name }, { dirFd: gotFd, name });
  }

  #attributes(
    path: ByteString,
    { want, a }: { readonly want: Place; readonly a: KernelStat },
    { got, b }: { readonly got: Place; readonly b: KernelStat },
  ): void {
    const mode = (one: KernelStat) => (one.mode & 0o7777).toString(8).padStart(4, "0");
    if (mode(a) !== mode(b)) this.#say(path, `has mode ${mode(b)}, not ${mode(a)}`);
    if (a.uid !== b.uid || a.gid !== b.gid) this.#say(path, `belongs to ${b.uid}:${b.gid}, not ${a.uid}:${a.gid}`);
    if (a.rdev !== b.rdev) this.#say(path, "is another device");
    if (!isDirectory(a) && a.size !== b.size) this.#say(path, `has ${b.size} bytes, not ${a.size}`);
    if (a.mtimeNs !== b.mtimeNs) this.#say(path, "has another modification time");
    const [before, after] = [readAttributes(procPath(want), a).xattrs, readAttributes(procPath(got), b).xattrs];
    for (const name of new Set([...before.keys(), ...after.keys()])) {
      const [x, y] = [before.get(name), after.get(name)];
      const isSame = x !== undefined && y !== undefined && Buffer.compare(x, y) === 0;
      if (!isSame) this.#say(path, `has another attribute "${showBytes(name)}"`);
    }
  }

  #links(path: ByteString, a: KernelStat, b: KernelStat): void {
    const known = this.#inodes.get(a.ino);
    if (known === undefined) this.#inodes.set(a.ino, b.ino);
    else if (known !== b.ino) this.#say(path, "is not the same file as its other names");
  }

  #isSameContent(want: Place, got: Place): boolean {
    const open = (place: Place) =>
      new OwnedFd(openat2(place.dirFd, fromByteString(place.name), { flags: O_RDONLY | O_NOFOLLOW, resolve: BENEATH }));
    using a = open(want);
    using b = open(got);
    const [left, right] = this.#buffers;
    for (;;) {
      const count = read(a.fd, left);
      if (count !== readFully(b.fd, right.subarray(0, Math.max(1, count)))) return false;
      if (count === 0) return true;
      if (Buffer.compare(left.subarray(0, count), right.subarray(0, count)) !== 0) return false;
    }
  }

  #say(path: ByteString, what: string): void {
    this.differences.push(`${showBytes(path)}: ${what}`);
  }
}

function readFully(fd: number, buffer: Uint8Array): number {
  let filled = 0;
  for (let got = -1; got !== 0 && filled < buffer.byteLength; filled += got) got = read(fd, buffer.subarray(filled));
  return filled;
}

function stat(place: Place): KernelStat | undefined {
  try {
    return fstatat(place.dirFd, fromByteString(place.name), AT_SYMLINK_NOFOLLOW);
  } catch (reason) {
    if (hasErrno(reason, "ENOENT")) return undefined;
    throw reason;
  }
}

function target(place: Place): ByteString {
  return toByteString(readlinkat(place.dirFd, fromByteString(place.name)));
}
