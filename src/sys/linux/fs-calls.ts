import { AT_EMPTY_PATH, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, FD_CLOEXEC, O_CLOEXEC, S_IFIFO } from "./constants.ts";
import { callKernel, cString, errnoError, hasErrno, type PathArg, tryKernel } from "./libc.ts";

/** Opens beneath `dirFd` with the kernel's own path restrictions. O_CLOEXEC is always added. */
export function openat2(
  dirFd: number,
  path: PathArg,
  how: { readonly flags: number; readonly modeOctal?: number; readonly resolve?: number },
): number {
  const struct = Buffer.alloc(24);
  struct.writeBigUInt64LE(BigInt(how.flags | O_CLOEXEC), 0);
  struct.writeBigUInt64LE(BigInt(how.modeOctal ?? 0), 8);
  struct.writeBigUInt64LE(BigInt(how.resolve ?? 0), 16);
  for (let attempt = 0; ; attempt++) {
    try {
      return callKernel("openat2", [dirFd, cString(path), struct, 24], path);
    } catch (reason) {
      // EAGAIN: a rename elsewhere raced with the resolution of ".."; the kernel asks for another try.
      if (!hasErrno(reason, "EAGAIN") || attempt >= 128) throw reason;
    }
  }
}

/** close(2); an error is reported, the descriptor is gone all the same. */
export function close(fd: number): void {
  callKernel("close", [fd]);
}

/** mkdirat(2); the umask applies. */
export function mkdirat(dirFd: number, name: PathArg, modeOctal: number): void {
  callKernel("mkdirat", [dirFd, cString(name), modeOctal], name);
}

/** mknodat(2); `modeOctal` includes the S_IF… type, `device` comes from `makeDevice`. */
export function mknodat(dirFd: number, name: PathArg, modeOctal: number, device: bigint): void {
  callKernel("mknodat", [dirFd, cString(name), modeOctal, device], name);
}

/** Makes a FIFO; the umask applies. */
export function mkfifoat(dirFd: number, name: PathArg, modeOctal: number): void {
  mknodat(dirFd, name, S_IFIFO | (modeOctal & 0o7777), 0n);
}

/** Device number in the encoding the kernel takes from user space (12 bits major, 20 bits minor). */
export function makeDevice(major: number, minor: number): bigint {
  const [big, small] = [BigInt(major) & 0xfffn, BigInt(minor) & 0xfffffn];
  return (small & 0xffn) | (big << 8n) | ((small & ~0xffn) << 12n);
}

/** The two numbers that `makeDevice` put together. */
export function splitDevice(device: bigint): { readonly major: number; readonly minor: number } {
  return { major: Number((device >> 8n) & 0xfffn), minor: Number((device & 0xffn) | ((device >> 12n) & 0xfff00n)) };
}

/** symlinkat(2); `target` is stored as it is, never resolved. */
export function symlinkat(target: PathArg, dirFd: number, name: PathArg): void {
  callKernel("symlinkat", [cString(target), dirFd, cString(name)], name);
}

/** linkat(2); does not follow a final link unless AT_SYMLINK_FOLLOW is given. */
export function linkat(oldDirFd: number, oldName: PathArg, newDirFd: number, newName: PathArg, flags = 0): void {
  callKernel("linkat", [oldDirFd, cString(oldName), newDirFd, cString(newName), flags], newName);
}

/** unlinkat(2); AT_REMOVEDIR removes an empty directory. */
export function unlinkat(dirFd: number, name: PathArg, flags = 0): void {
  callKernel("unlinkat", [dirFd, cString(name), flags], name);
}

/** fchownat(2); -1 leaves an id as it is; an empty name with AT_EMPTY_PATH means `dirFd` itself. */
export function fchownat(dirFd: number, name: PathArg, uid: number, gid: number, flags: number): void {
  callKernel("fchownat", [dirFd, cString(name), uid, gid, flags], name);
}

/** fchmodat(2): follows a final link, so check the kind first. */
export function fchmodat(dirFd: number, name: PathArg, modeOctal: number): void {
  callKernel("fchmodat", [dirFd, cString(name), modeOctal], name);
}

/** fchmod(2); not for O_PATH descriptors. */
export function fchmod(fd: number, modeOctal: number): void {
  callKernel("fchmod", [fd, modeOctal]);
}

/** utimensat(2) with nanoseconds since the epoch; instants before 1970 are fine. */
export function utimensat(
  dirFd: number,
  name: PathArg,
  times: { readonly atimeNs: bigint; readonly mtimeNs: bigint },
  flags = 0,
): void {
  const struct = Buffer.alloc(32);
  writeTimespec(struct, 0, times.atimeNs);
  writeTimespec(struct, 16, times.mtimeNs);
  callKernel("utimensat", [dirFd, cString(name), struct, flags], name);
}

function writeTimespec(struct: Buffer, offset: number, ns: bigint): void {
  const rest = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  struct.writeBigInt64LE((ns - rest) / 1_000_000_000n, offset);
  struct.writeBigInt64LE(rest, offset + 8);
}

/** renameat2(2), e.g. with RENAME_NOREPLACE. */
export function renameat2(oldDirFd: number, oldName: PathArg, newDirFd: number, newName: PathArg, flags = 0): void {
  callKernel("renameat2", [oldDirFd, cString(oldName), newDirFd, cString(newName), flags], newName);
}

const PATH_MAX = 4096;

/** Target of a symbolic link as raw bytes. */
export function readlinkat(dirFd: number, name: PathArg): Uint8Array {
  const buffer = new Uint8Array(PATH_MAX);
  const length = callKernel("readlinkat", [dirFd, cString(name), buffer, PATH_MAX], name);
  return buffer.slice(0, length);
}

/** Facts of a file. Times are nanoseconds since the epoch; `dev` and `rdev` are in the encoding of `makeDevice`. */
export interface KernelStat {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly nlink: number;
  readonly ino: bigint;
  readonly dev: bigint;
  readonly rdev: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  /** Identifies the mount the file was reached through. */
  readonly mountId: bigint;
  /** Whether the file is the root of a mount. */
  readonly isMountRoot: boolean;
}

const STATX_BASIC_STATS = 0x7ff;
const STATX_MNT_ID = 0x1000;
const STATX_ATTR_MOUNT_ROOT = 0x2000n;

/** statx(2) relative to `dirFd`; flags AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH (with an empty name: `dirFd` itself). */
export function fstatat(dirFd: number, name: PathArg, flags: number): KernelStat {
  const s = Buffer.alloc(256);
  callKernel("statx", [dirFd, cString(name), flags, STATX_BASIC_STATS | STATX_MNT_ID, s], name);
  return {
    mode: s.readUInt16LE(28),
    uid: s.readUInt32LE(20),
    gid: s.readUInt32LE(24),
    size: Number(s.readBigUInt64LE(40)),
    nlink: s.readUInt32LE(16),
    ino: s.readBigUInt64LE(32),
    dev: makeDevice(s.readUInt32LE(136), s.readUInt32LE(140)),
    rdev: makeDevice(s.readUInt32LE(128), s.readUInt32LE(132)),
    ctimeNs: readTime(s, 96),
    mtimeNs: readTime(s, 112),
    mountId: s.readBigUInt64LE(144),
    isMountRoot: (s.readBigUInt64LE(8) & STATX_ATTR_MOUNT_ROOT) !== 0n,
  };
}

function readTime(s: Buffer, offset: number): bigint {
  return s.readBigInt64LE(offset) * 1_000_000_000n + BigInt(s.readUInt32LE(offset + 8));
}

/** fstat(2), also for O_PATH descriptors. */
export function fstat(fd: number): KernelStat {
  return fstatat(fd, "", AT_EMPTY_PATH);
}

/** Magic number of the file system that holds `fd`, e.g. OVERLAYFS_SUPER_MAGIC. */
export function fstatfsType(fd: number): number {
  const s = Buffer.alloc(120);
  callKernel("fstatfs", [fd, s]);
  return Number(s.readBigInt64LE(0) & 0xffffffffn);
}

/** Writes every byte, in as many write(2) calls as it takes. */
export function write(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.byteLength; ) {
    const rest = bytes.subarray(done);
    const wrote = callKernel("write", [fd, rest, rest.byteLength]);
    if (wrote === 0) throw errnoError(5, "write");
    done += wrote;
  }
}

/** read(2) into `buffer`; 0 is the end of the file. */
export function read(fd: number, buffer: Uint8Array): number {
  return callKernel("read", [fd, buffer, buffer.byteLength]);
}

/** pread(2) into `buffer`; 0 is the end of the file. */
export function pread(fd: number, buffer: Uint8Array, offset: number): number {
  return callKernel("pread64", [fd, buffer, buffer.byteLength, offset]);
}

/** fdatasync(2): content and size, but not the times. */
export function fdatasync(fd: number): void {
  callKernel("fdatasync", [fd]);
}

/** fsync(2). */
export function fsync(fd: number): void {
  callKernel("fsync", [fd]);
}

/** ftruncate(2). */
export function ftruncate(fd: number, sizeBytes: number): void {
  callKernel("ftruncate", [fd, sizeBytes]);
}

const SYNC_FILE_RANGE_WRITE = 2;

/**
 * Asks the kernel to begin writing a file's content to disk now, without waiting: less is left for the sync that has to
 * come. Only a hint, so that a file system which does not know it is no failure.
 */
export function startWriteback(fd: number): void {
  tryKernel("sync_file_range", [fd, 0, 0, SYNC_FILE_RANGE_WRITE]);
}

/** Flushes the whole file system that holds `fd`. */
export function syncfs(fd: number): void {
  callKernel("syncfs", [fd]);
}

/** flock(2) with LOCK_SH, LOCK_EX, LOCK_UN, LOCK_NB. With LOCK_NB a held lock is errno EAGAIN. */
export function flock(fd: number, operation: number): void {
  callKernel("flock", [fd, operation]);
}

/** Whether `fd` is closed by execve(2). */
export function setCloseOnExec(fd: number, on: boolean): void {
  const flags = callKernel("fcntl", [fd, F_GETFD]);
  callKernel("fcntl", [fd, F_SETFD, on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC]);
}

/** dup(2); the copy survives execve(2). */
export function dup(fd: number): number {
  return callKernel("dup", [fd]);
}

/** A copy of the descriptor with a number of at least `lowest`, closed on exec. */
export function dupAbove(fd: number, lowest: number): number {
  return callKernel("fcntl", [fd, F_DUPFD_CLOEXEC, lowest]);
}

/** dup3(2); with flags 0 the copy survives execve(2). `to` equal to `from` is EINVAL. */
export function dup3(from: number, to: number, flags = 0): number {
  return callKernel("dup3", [from, to, flags]);
}

/** dup2(2): `to` survives execve(2), also when it equals `from`. */
export function dup2(from: number, to: number): void {
  if (from === to) setCloseOnExec(from, false);
  else dup3(from, to, 0);
}

/** pipe2(2). */
export function pipe2(flags: number): { readonly readFd: number; readonly writeFd: number } {
  const fds = Buffer.alloc(8);
  callKernel("pipe2", [fds, flags]);
  return { readFd: fds.readInt32LE(0), writeFd: fds.readInt32LE(4) };
}
