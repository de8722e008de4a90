import { closeSync, mkdirSync, openSync, rmSync } from "node:fs";
import { AT_FDCWD, CLONE_NEWNET, O_RDONLY } from "./constants.ts";
import { withFileErrors } from "./file-error.ts";
import { fstatfsType, openat2 } from "./fs-calls.ts";
import { callKernel, hasErrno } from "./libc.ts";
import { setns, unshare } from "./mount-calls.ts";
import { bindMount, unmount } from "./mounts.ts";
import { OwnedFd } from "./owned-fd.ts";

/** Spec: Linux, include/uapi/linux/magic.h */
const NSFS_MAGIC = 0x6e736673;
const OWN = "/proc/thread-self/ns/net";

/** Makes a network namespace, kept alive by a bind mount on the new file `path`, with its loopback up. */
export function createNetNamespace(path: string): void {
  withFileErrors(`create network namespace "${path}"`, () => {
    mkdirSync(path.slice(0, path.lastIndexOf("/")) || "/", { recursive: true });
    closeSync(openSync(path, "wx", 0o444));
    try {
      using before = new OwnedFd(openat2(AT_FDCWD, OWN, { flags: O_RDONLY }));
      unshare(CLONE_NEWNET);
      try {
        bringLoopbackUp();
        bindMount({ source: OWN, target: path });
      } finally {
        setns(before.fd, CLONE_NEWNET);
      }
    } catch (reason) {
      removeNetNamespace(path);
      throw reason;
    }
  });
}

/** Whether a file still keeps a network namespace; after a restart of the host only the file may be left. */
export function isNetNamespace(path: string): boolean {
  try {
    using file = new OwnedFd(openat2(AT_FDCWD, path, { flags: O_RDONLY }));
    return fstatfsType(file.fd) === NSFS_MAGIC;
  } catch (reason) {
    if (hasErrno(reason, "ENOENT")) return false;
    throw reason;
  }
}

/** Drops the bind mount and the file; nothing there is fine. */
export function removeNetNamespace(path: string): void {
  withFileErrors(`remove network namespace "${path}"`, () => {
    unmount(path);
    rmSync(path, { force: true });
  });
}

/** Sets the loopback device of a network namespace of any user namespace up. */
export function bringLoopbackUpIn(path: string): void {
  withFileErrors(`set up network namespace "${path}"`, () => {
    using before = new OwnedFd(openat2(AT_FDCWD, OWN, { flags: O_RDONLY }));
    using there = new OwnedFd(openat2(AT_FDCWD, path, { flags: O_RDONLY }));
    setns(there.fd, CLONE_NEWNET);
    try {
      bringLoopbackUp();
    } finally {
      setns(before.fd, CLONE_NEWNET);
    }
  });
}

const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const SIOCSIFFLAGS = 0x8914;
const IFF_UP = 1;

/** Sets the loopback device of the current network namespace up. */
export function bringLoopbackUp(): void {
  using socket = new OwnedFd(callKernel("socket", [AF_INET, SOCK_DGRAM_CLOEXEC, 0]));
  const request = Buffer.alloc(40); // struct ifreq: name, then flags
  request.write("lo", 0, "latin1");
  request.writeInt16LE(IFF_UP, 16);
  callKernel("ioctl", [socket.fd, SIOCSIFFLAGS, request]);
}
