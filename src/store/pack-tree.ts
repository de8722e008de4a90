import { encodeTarHeader, TAR_END, tarPadding } from "../image/layer/encode-tar.ts";
import { type ByteString, fromByteString, showBytes, toByteString } from "../image/layer/entry-path.ts";
import type { TarEntry } from "../image/layer/tar-entry.ts";
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
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
import { fstat, fstatat, type KernelStat, openat2, read, readlinkat, splitDevice } from "../sys/linux/fs-calls.ts";
import { listDir } from "../sys/linux/list-dir.ts";
import { OwnedFd } from "../sys/linux/owned-fd.ts";
import { StoreError } from "./errors.ts";
import { OPAQUE_XATTR, type Place, procPath, readAttributes } from "./layer-attributes.ts";
import { isDirectory, isWhiteout } from "./lower-layers.ts";

const KINDS: ReadonlyMap<number, TarEntry["kind"]> = new Map([
  [S_IFREG, "file"],
  [S_IFDIR, "dir"],
  [S_IFLNK, "symlink"],
  [S_IFCHR, "char"],
  [S_IFBLK, "block"],
  [S_IFIFO, "fifo"],
]);
const BENEATH = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
const COPY_BYTES = 1024 * 1024;
/** What overlayfs keeps in the upper directory and would mean something else elsewhere. */
const UNMOVABLE = ["trusted.overlay.redirect", "trusted.overlay.metacopy"];

/**
 * A directory and everything beneath as the chunks of a tar archive in the form of an OCI layer: what an overlay's upper
 * directory hides becomes whiteouts. `prefix` stands before every path; hard links stay such; sockets are left out, since
 * none can be carried. The tree must not change meanwhile. Without end mark when `end` is false.
 * @throws {StoreError} "store/unmovable" for what a layer cannot say
 */
export function* packTree(
  dir: string,
  { prefix = "", end = true }: { readonly prefix?: string; readonly end?: boolean } = {},
): Iterable<Uint8Array> {
  using root = new OwnedFd(openat2(AT_FDCWD, dir, { flags: O_PATH | O_DIRECTORY | O_NOFOLLOW }));
  const links = new Map<string, ByteString>();
  yield header({ dirFd: root.fd, name: "." }, { stat: fstat(root.fd), path: `${prefix}./`, kind: "dir" });
  yield* packDir(root.fd, { prefix: toByteString(new TextEncoder().encode(prefix)), links });
  if (end) yield TAR_END;
}

interface Packing {
  /** Path of the directory, with a slash at its end, or "". */
  readonly prefix: ByteString;
  /** Files with several names by inode: the name that has the content. */
  readonly links: Map<string, ByteString>;
}

function* packDir(dirFd: number, packing: Packing): Iterable<Uint8Array> {
  const names = listDir(dirFd).map(toByteString).sort();
  for (const name of names) {
    const place = { dirFd, name };
    const stat = fstatat(dirFd, fromByteString(name), AT_SYMLINK_NOFOLLOW);
    const path = `${packing.prefix}${name}`;
    if (name.startsWith(".wh.")) throw unmovable(path, "its name means a deleted file there");
    if (isWhiteout(stat)) {
      yield encodeTarHeader({ path: fromByteString(`${packing.prefix}.wh.${name}`) }, 0);
      continue;
    }
    if (isDirectory(stat)) yield* packSubDir(place, { stat, path, links: packing.links });
    else yield* packFile(place, { stat, path, links: packing.links });
  }
}

interface Found {
  readonly stat: KernelStat;
  readonly path: ByteString;
  readonly links: Map<string, ByteString>;
}

function* packSubDir(place: Place, { stat, path, links }: Found): Iterable<Uint8Array> {
  yield header(place, { stat, path: `${path}/`, kind: "dir" });
  if (readAttributes(procPath(place), stat).xattrs.has(OPAQUE_XATTR)) {
    yield encodeTarHeader({ path: fromByteString(`${path}/.wh..wh..opq`) }, 0);
  }
  const flags = O_PATH | O_DIRECTORY | O_NOFOLLOW;
  using dir = new OwnedFd(openat2(place.dirFd, fromByteString(place.name), { flags, resolve: BENEATH }));
  yield* packDir(dir.fd, { prefix: `${path}/`, links });
}

function* packFile(place: Place, { stat, path, links }: Found): Iterable<Uint8Array> {
  const kind = KINDS.get(stat.mode & S_IFMT);
  if (kind === undefined) return;
  const key = `${stat.dev}:${stat.ino}`;
  const first = links.get(key);
  if (first !== undefined) {
    yield encodeTarHeader({ path: fromByteString(path), kind: "hardlink", linkTarget: fromByteString(first) }, 0);
    return;
  }
  if (stat.nlink > 1) links.set(key, path);
  yield header(place, { stat, path, kind });
  if (kind === "file") yield* content(place, { sizeBytes: stat.size, path });
}

function header(
  place: Place,
  { stat, path, kind }: { readonly stat: KernelStat; readonly path: ByteString; readonly kind: TarEntry["kind"] },
): Uint8Array {
  const { modeOctal, uid, gid, mtimeNs, xattrs } = readAttributes(procPath(place), stat);
  const unwanted = UNMOVABLE.find((name) => xattrs.has(name));
  if (unwanted !== undefined) throw unmovable(path, `the kernel keeps "${unwanted}" with it`);
  const kept = [...xattrs].filter(([name]) => !name.startsWith("trusted.overlay."));
  const seconds = mtimeNs / 1_000_000_000n - (mtimeNs < 0n && mtimeNs % 1_000_000_000n !== 0n ? 1n : 0n);
  const { major, minor } = splitDevice(stat.rdev);
  return encodeTarHeader(
    {
      path: fromByteString(path),
      kind,
      modeOctal,
      uid,
      gid,
      modifiedAt: { seconds: Number(seconds), nanoseconds: Number(mtimeNs - seconds * 1_000_000_000n) },
      xattrs: Object.fromEntries(kept.map(([name, value]) => [new TextDecoder().decode(fromByteString(name)), value])),
      ...(kind === "symlink" ? { linkTarget: readlinkat(place.dirFd, fromByteString(place.name)) } : {}),
      ...(kind === "char" || kind === "block" ? { devMajor: major, devMinor: minor } : {}),
    },
    kind === "file" ? stat.size : 0,
  );
}

function* content(
  { dirFd, name }: Place,
  { sizeBytes, path }: { readonly sizeBytes: number; readonly path: ByteString },
): Iterable<Uint8Array> {
  using file = new OwnedFd(openat2(dirFd, fromByteString(name), { flags: O_RDONLY | O_NOFOLLOW, resolve: BENEATH }));
  for (let left = sizeBytes; left > 0; ) {
    const buffer = new Uint8Array(Math.min(left, COPY_BYTES));
    const got = read(file.fd, buffer);
    if (got === 0) throw unmovable(path, "it became shorter while it was read");
    left -= got;
    yield buffer.subarray(0, got);
  }
  yield tarPadding(sizeBytes);
}

function unmovable(path: ByteString, why: string): StoreError {
  return new StoreError("store/unmovable", `Cannot pack "${showBytes(path)}": ${why}`, {
    hint: "remove it in the app, or rename it, and try again",
  });
}
