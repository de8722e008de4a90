import {
  FSCONFIG_CMD_CREATE,
  FSCONFIG_SET_FLAG,
  FSCONFIG_SET_STRING,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
} from "./constants.ts";
import { callKernel, cString, type PathArg } from "./libc.ts";

/** Arguments of mount(2); what is left out is the null pointer or 0. */
export interface MountCall {
  readonly source?: PathArg;
  readonly target: PathArg;
  readonly fsType?: string;
  readonly flags?: number;
  /** File-system options, separated by commas; the kernel reads at most one page (4095 bytes). */
  readonly data?: PathArg;
}

/** mount(2). */
export function mount({ source, target, fsType, flags = 0, data }: MountCall): void {
  const text = (value: PathArg | undefined) => (value === undefined ? null : cString(value));
  callKernel("mount", [text(source), cString(target), text(fsType), flags, text(data)], target);
}

/** umount2(2) with MNT_… and UMOUNT_NOFOLLOW. */
export function umount2(target: PathArg, flags = 0): void {
  callKernel("umount2", [cString(target), flags], target);
}

/** open_tree(2); with OPEN_TREE_CLONE a detached copy of the mount that disappears when the descriptor is closed. */
export function openTree(dirFd: number, path: PathArg, flags: number): number {
  return callKernel("open_tree", [dirFd, cString(path), flags], path);
}

/** move_mount(2); a path left out means the descriptor itself (add MOVE_MOUNT_F_EMPTY_PATH or T_EMPTY_PATH). */
export function moveMount(move: {
  readonly fromFd: number;
  readonly fromPath?: PathArg;
  readonly toFd: number;
  readonly toPath?: PathArg;
  readonly flags: number;
}): void {
  const { fromFd, fromPath = "", toFd, toPath = "", flags } = move;
  callKernel("move_mount", [fromFd, cString(fromPath), toFd, cString(toPath), flags], toPath);
}

/**
 * mount_setattr(2): sets and clears MOUNT_ATTR_…; `propagation` is MS_PRIVATE, MS_SLAVE, MS_SHARED or 0; `usernsFd` goes
 * with MOUNT_ATTR_IDMAP.
 */
export function mountSetattr(
  fd: number,
  path: PathArg,
  flags: number,
  attributes: {
    readonly set?: number;
    readonly clr?: number;
    readonly propagation?: number;
    readonly usernsFd?: number;
  },
): void {
  const struct = Buffer.alloc(32);
  struct.writeBigUInt64LE(BigInt(attributes.set ?? 0), 0);
  struct.writeBigUInt64LE(BigInt(attributes.clr ?? 0), 8);
  struct.writeBigUInt64LE(BigInt(attributes.propagation ?? 0), 16);
  struct.writeBigUInt64LE(BigInt(attributes.usernsFd ?? 0), 24);
  callKernel("mount_setattr", [fd, cString(path), flags, struct, 32], path);
}

/** fsopen(2): a configuration handle for a new file system. */
export function fsopen(fsType: string): number {
  return callKernel("fsopen", [cString(fsType), FSOPEN_CLOEXEC], fsType);
}

/** fsconfig(2) with a text value. */
export function fsconfigString(fd: number, key: string, value: PathArg): void {
  callKernel("fsconfig", [fd, FSCONFIG_SET_STRING, cString(key), cString(value), 0], value);
}

/** fsconfig(2) with a key that has no value. */
export function fsconfigFlag(fd: number, key: string): void {
  callKernel("fsconfig", [fd, FSCONFIG_SET_FLAG, cString(key), null, 0], key);
}

/** Makes the configured file system. */
export function fsconfigCreate(fd: number): void {
  callKernel("fsconfig", [fd, FSCONFIG_CMD_CREATE, null, null, 0]);
}

/** fsmount(2): a detached mount with MOUNT_ATTR_… set. */
export function fsmount(fd: number, attributes: number): number {
  return callKernel("fsmount", [fd, FSMOUNT_CLOEXEC, attributes]);
}

/** unshare(2) with CLONE_…: of the calling thread; programs it starts inherit the new namespaces. */
export function unshare(flags: number): void {
  callKernel("unshare", [flags]);
}

/** setns(2) of the calling thread; `flags` 0 or the expected CLONE_NEW… kinds. */
export function setns(fd: number, flags: number): void {
  callKernel("setns", [fd, flags]);
}

/** pivot_root(2). */
export function pivotRoot(newRoot: PathArg, putOld: PathArg): void {
  callKernel("pivot_root", [cString(newRoot), cString(putOld)], newRoot);
}

/** chroot(2); does not change the working directory. */
export function chroot(path: PathArg): void {
  callKernel("chroot", [cString(path)], path);
}

/** fchdir(2). */
export function fchdir(fd: number): void {
  callKernel("fchdir", [fd]);
}

/** chdir(2) of the calling thread; `process.cwd()` may not notice. */
export function chdir(path: PathArg): void {
  callKernel("chdir", [cString(path)], path);
}

/** sethostname(2) in the current UTS namespace. */
export function sethostname(name: string): void {
  const bytes = Buffer.from(name, "utf8");
  callKernel("sethostname", [bytes, bytes.byteLength]);
}
