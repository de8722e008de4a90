import { badArchive } from "../image/layer/bad-archive.ts";
import { type ByteString, fromByteString, showBytes } from "../image/layer/entry-path.ts";
import type { TarEntry } from "../image/layer/tar-entry.ts";
import { SysError } from "../sys/errors.ts";
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_DIRECTORY, O_PATH } from "../sys/linux/constants.ts";
import { fchmodat, fchownat, fstat, type KernelStat, openat2, utimensat } from "../sys/linux/fs-calls.ts";
import { OwnedFd } from "../sys/linux/owned-fd.ts";
import { lgetxattr, llistxattr, lsetxattr } from "../sys/linux/xattr-calls.ts";

/** Everything about a file but its name and content. */
export interface LayerAttributes {
  readonly modeOctal: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  readonly xattrs: ReadonlyMap<ByteString, Uint8Array>;
}

/** A name in an opened directory. */
export interface Place {
  readonly dirFd: number;
  readonly name: ByteString;
}

/** Marks a directory as hiding what lower layers have in it. */
export const OPAQUE_XATTR = "trusted.overlay.opaque";

/** Prefixes and names an image must not set: they steer overlayfs, or are the host's own labels. */
const RESERVED = ["trusted.overlay.", "user.overlay.", "security.selinux"];

/** The attributes a tar member asks for. */
export function attributesOf(entry: TarEntry): LayerAttributes {
  const { modeOctal, uid, gid, xattrs, modifiedAt } = entry;
  return {
    modeOctal,
    uid,
    gid,
    xattrs,
    mtimeNs: BigInt(modifiedAt.seconds) * 1_000_000_000n + BigInt(modifiedAt.nanoseconds),
  };
}

/** The attributes of a file of an unpacked layer, at `path`. */
export function readAttributes(path: Uint8Array, stat: KernelStat): LayerAttributes {
  const xattrs = new Map<ByteString, Uint8Array>();
  for (const name of llistxattr(path)) {
    const value = lgetxattr(path, name);
    if (value !== undefined) xattrs.set(Buffer.from(name).toString("latin1"), value);
  }
  return { modeOctal: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid, mtimeNs: stat.mtimeNs, xattrs };
}

/**
 * Sets owner, mode and extended attributes, in the order that lets each survive (chown drops setuid bits and file
 * capabilities). Times are set by `setModifiedAt`, last.
 */
export function applyAttributes(place: Place, attributes: LayerAttributes, isSymlink: boolean): void {
  const name = fromByteString(place.name);
  fchownat(place.dirFd, name, attributes.uid, attributes.gid, AT_SYMLINK_NOFOLLOW);
  if (!isSymlink) fchmodat(place.dirFd, name, attributes.modeOctal);
  if (attributes.xattrs.size > 0) applyXattrs(place, attributes);
}

/** Sets the times of a file itself, never of what a link points to. */
export function setModifiedAt(place: Place, mtimeNs: bigint): void {
  utimensat(place.dirFd, fromByteString(place.name), { atimeNs: mtimeNs, mtimeNs }, AT_SYMLINK_NOFOLLOW);
}

/** A path the kernel resolves from the opened directory, for the calls that take no directory descriptor. */
export function procPath(place: Place): Uint8Array {
  return fromByteString(`/proc/self/fd/${place.dirFd}/${place.name}`);
}

function applyXattrs(place: Place, attributes: LayerAttributes): void {
  const path = procPath(place);
  for (const [name, value] of attributes.xattrs) {
    if (RESERVED.some((reserved) => name.startsWith(reserved))) continue;
    try {
      lsetxattr(path, fromByteString(name), value);
    } catch (reason) {
      if (reason instanceof SysError && reason.code === "sys/no-space") throw reason;
      throw badArchive(`attribute "${showBytes(name)}" of "${showBytes(place.name)}" cannot be set here`, reason);
    }
  }
}

/** The attributes of the root directory of a layer tree. `dir`: absolute path. */
export function layerRootAttributes(dir: string): LayerAttributes {
  using opened = new OwnedFd(openat2(AT_FDCWD, dir, { flags: O_PATH | O_DIRECTORY }));
  return readAttributes(procPath({ dirFd: opened.fd, name: "." }), fstat(opened.fd));
}
