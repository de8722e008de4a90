import * as k from "./constants.ts";
import { fileError } from "./file-error.ts";
import { dupAbove, openat2 } from "./fs-calls.ts";
import { hasErrno } from "./libc.ts";
import { chroot, fchdir, mount, mountSetattr, moveMount, openTree, setns, umount2, unshare } from "./mount-calls.ts";
import { OwnedFd } from "./owned-fd.ts";

/**
 * Puts this thread, and all programs it starts from now on, into a mount namespace of its own. Default: nothing
 * propagates either way; with `receive` mounts made on the host later still appear here.
 */
export function enterPrivateMountNamespace(options: { readonly receive?: boolean } = {}): void {
  unshare(k.CLONE_NEWNS);
  mount({ source: "none", target: "/", flags: k.MS_REC | (options.receive ? k.MS_SLAVE : k.MS_PRIVATE) });
}

/** A mount namespace with the directories a thread has in it. Disposing gives up the way there. */
export class MountNamespace implements Disposable {
  readonly #stack = new DisposableStack();
  readonly #namespace: OwnedFd;
  readonly #root: OwnedFd;
  readonly #cwd: OwnedFd;

  private constructor() {
    this.#namespace = this.#open("/proc/thread-self/ns/mnt", k.O_RDONLY);
    this.#root = this.#open("/", k.O_PATH | k.O_DIRECTORY);
    this.#cwd = this.#open(".", k.O_PATH | k.O_DIRECTORY);
  }

  /** The one this thread is in. */
  static current(): MountNamespace {
    return new MountNamespace();
  }

  /** Takes this thread there. */
  enter(): void {
    moveToMountNamespace(this.#namespace.fd); // which leads to the root of the namespace
    fchdir(this.#root.fd);
    chroot(".");
    fchdir(this.#cwd.fd);
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }

  #open(path: string, flags: number): OwnedFd {
    return this.#stack.use(new OwnedFd(openat2(k.AT_FDCWD, path, { flags: flags | k.O_CLOEXEC })));
  }
}

const MOVES = 100;

/**
 * Threads that this one starts share its directories, and setns(2) refuses to move them all. The engine starts some
 * whenever it likes to, also between the two calls.
 */
export function moveToMountNamespace(fd: number): void {
  for (let tries = 1; ; tries++) {
    unshare(k.CLONE_FS);
    try {
      setns(fd, k.CLONE_NEWNS);
      return;
    } catch (reason) {
      if (!hasErrno(reason, "EINVAL") || tries === MOVES) throw reason;
    }
  }
}

/** Restrictions of a mount. */
export interface MountRestrictions {
  readonly readOnly?: boolean;
  readonly nosuid?: boolean;
  readonly nodev?: boolean;
  readonly noexec?: boolean;
}

/** A bind mount to make; `source` and `target` are absolute paths or open descriptors (O_PATH is enough). */
export interface BindMount extends MountRestrictions {
  readonly source: string | number;
  readonly target: string | number;
  readonly recursive?: boolean;
  /** What passes between the source's mounts and these from now on; undefined: what passes there already. */
  readonly propagation?: MountPropagation;
  /** A copy of the source's mounts, made by `cloneMounts` in another mount namespace. */
  readonly tree?: number;
  /** Descriptor of a user namespace: what the file system says is owned by id N belongs to whom N is there. */
  readonly idmap?: number;
}

/** How later mounts pass between copies; those that begin with `r` mean everything mounted beneath as well. */
export type MountPropagation = "private" | "rprivate" | "slave" | "rslave" | "shared" | "rshared";

/** Makes a bind mount whose restrictions are in force from the first moment it is visible. */
export function bindMount(bind: BindMount): void {
  const recursive = bind.recursive ? k.AT_RECURSIVE : 0;
  const flags = k.OPEN_TREE_CLONE | k.OPEN_TREE_CLOEXEC | recursive;
  const { source } = bind;
  const clone = () =>
    bind.tree !== undefined
      ? dupAbove(bind.tree, 0)
      : typeof source === "number"
        ? openTree(source, "", flags | k.AT_EMPTY_PATH)
        : openTree(k.AT_FDCWD, source, flags);
  try {
    using tree = new OwnedFd(clone());
    const set = restrictionBits(bind);
    if (set !== 0) mountSetattr(tree.fd, "", k.AT_EMPTY_PATH | recursive, { set });
    if (bind.idmap !== undefined) setIdmap(tree.fd, { usernsFd: bind.idmap, recursive: bind.recursive === true });
    if (bind.propagation !== undefined) setPropagation(tree.fd, bind.propagation);
    attach(tree.fd, bind.target);
  } catch (reason) {
    if (!hasErrno(reason, "ENOSYS") || bind.idmap !== undefined)
      throw fileError(reason, `bind ${show(source)} on ${show(bind.target)}`);
    bindWithMount2(bind);
  }
}

/**
 * Asserts that a mount of `path` could be given the ids of a user namespace, by doing so with one that nobody sees.
 * @throws {SysError} errno "EINVAL" for file systems that cannot, "EPERM" for mounts that have other ids already
 */
export function assertIdmappable(
  path: string,
  idmap: { readonly usernsFd: number; readonly recursive: boolean },
): void {
  using tree = cloneMounts(path, idmap);
  try {
    setIdmap(tree.fd, idmap);
  } catch (reason) {
    throw fileError(reason, `map the ids of the files at "${path}"`);
  }
}

function setIdmap(
  fd: number,
  { usernsFd, recursive }: { readonly usernsFd: number; readonly recursive: boolean },
): void {
  const flags = k.AT_EMPTY_PATH | (recursive ? k.AT_RECURSIVE : 0);
  mountSetattr(fd, "", flags, { set: k.MOUNT_ATTR_IDMAP, usernsFd });
}

function setPropagation(fd: number, wanted: MountPropagation): void {
  const isAll = wanted.startsWith("r");
  const name = isAll ? wanted.slice(1) : wanted;
  const propagation = name === "private" ? k.MS_PRIVATE : name === "slave" ? k.MS_SLAVE : k.MS_SHARED;
  mountSetattr(fd, "", k.AT_EMPTY_PATH | (isAll ? k.AT_RECURSIVE : 0), { propagation });
}

/** A detached copy of the mounts at `path`, for `bindMount` in a mount namespace that is entered later: peers stay peers. */
export function cloneMounts(path: string, options: { readonly recursive: boolean }): OwnedFd {
  const flags = k.OPEN_TREE_CLONE | k.OPEN_TREE_CLOEXEC | (options.recursive ? k.AT_RECURSIVE : 0);
  try {
    return new OwnedFd(openTree(k.AT_FDCWD, path, flags));
  } catch (reason) {
    throw fileError(reason, `copy the mounts at "${path}"`);
  }
}

/** Attaches a detached mount (open_tree(2), fsmount(2)) to a path or descriptor. */
export function attach(mountFd: number, target: string | number): void {
  const from = k.MOVE_MOUNT_F_EMPTY_PATH;
  if (typeof target === "string") moveMount({ fromFd: mountFd, toFd: k.AT_FDCWD, toPath: target, flags: from });
  else moveMount({ fromFd: mountFd, toFd: target, flags: from | k.MOVE_MOUNT_T_EMPTY_PATH });
}

/** MOUNT_ATTR_… bits for restrictions. */
export function restrictionBits(wanted: MountRestrictions): number {
  return (
    (wanted.readOnly ? k.MOUNT_ATTR_RDONLY : 0) |
    (wanted.nosuid ? k.MOUNT_ATTR_NOSUID : 0) |
    (wanted.nodev ? k.MOUNT_ATTR_NODEV : 0) |
    (wanted.noexec ? k.MOUNT_ATTR_NOEXEC : 0)
  );
}

/** Path of a path or descriptor for calls that know only paths. */
export function pathOf(place: string | number): string {
  return typeof place === "number" ? `/proc/self/fd/${place}` : place;
}

function show(place: string | number): string {
  return typeof place === "number" ? `descriptor ${place}` : `"${place}"`;
}

/** For kernels before 5.12: the restrictions come a moment after the mount, and only for its top. */
function bindWithMount2(bind: BindMount): void {
  const target = pathOf(bind.target);
  mount({ source: pathOf(bind.source), target, flags: k.MS_BIND | (bind.recursive ? k.MS_REC : 0) });
  const flags = restrictionBits(bind); // RDONLY, NOSUID, NODEV and NOEXEC have the same bits in both interfaces
  if (flags !== 0) mount({ source: "none", target, flags: k.MS_REMOUNT | k.MS_BIND | flags });
}

/** Makes what is mounted at `path` read-only, with `recursive` everything mounted beneath it too. */
export function setReadOnly(path: string, options: { readonly recursive?: boolean } = {}): void {
  mountSetattr(k.AT_FDCWD, path, options.recursive ? k.AT_RECURSIVE : 0, { set: k.MOUNT_ATTR_RDONLY });
}

/**
 * Makes the device nodes on the root of another process's mount namespace unusable. For a thread in a mount namespace of
 * its own, which it comes back to.
 */
export function forbidDevicesOf(pid: number): void {
  try {
    using there = new OwnedFd(openat2(k.AT_FDCWD, `/proc/${pid}/ns/mnt`, { flags: k.O_RDONLY | k.O_CLOEXEC }));
    using own = MountNamespace.current();
    moveToMountNamespace(there.fd);
    try {
      mountSetattr(k.AT_FDCWD, "/", 0, { set: k.MOUNT_ATTR_NODEV });
    } finally {
      own.enter();
    }
  } catch (reason) {
    throw fileError(reason, `forbid devices in the root of process ${pid}`);
  }
}

/** Unmounts `path` (not following a final link), detaching it at once even while in use; no mount there is fine. */
export function unmount(path: string): void {
  try {
    umount2(path, k.MNT_DETACH | k.UMOUNT_NOFOLLOW);
  } catch (reason) {
    if (!hasErrno(reason, "EINVAL", "ENOENT")) throw reason; // not a mount point: as wanted
  }
}

/** Runs `work` with `path` as the working directory of this thread. */
export function withDirectory<T>(path: string, work: () => T): T {
  using before = new OwnedFd(openat2(k.AT_FDCWD, ".", { flags: k.O_PATH | k.O_DIRECTORY }));
  using there = new OwnedFd(openat2(k.AT_FDCWD, path, { flags: k.O_PATH | k.O_DIRECTORY }));
  fchdir(there.fd);
  try {
    return work();
  } finally {
    fchdir(before.fd);
  }
}
