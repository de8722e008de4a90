import type { Files } from "../../sys/host.ts";
import { AT_FDCWD, MS_NOEXEC, MS_NOSUID, O_RDWR, S_IFCHR, S_IFMT } from "../../sys/linux/constants.ts";
import { close, dup2, fchmodat, fstat, makeDevice, mknodat, openat2 } from "../../sys/linux/fs-calls.ts";
import { mount } from "../../sys/linux/mount-calls.ts";

const DIR = "oci/dev";
const NULL_DEVICE = makeDevice(1, 3);

/** Path of the pod's own null device, in the mount namespace of its supervisors. */
export function nullPath(pod: Files): string {
  return pod.path(`${DIR}/null`);
}

/**
 * Makes a null device of the pod's own. Runtimes give an app's standard streams to its user: the host's /dev/null must not
 * be among them. Runs in the pod's own mount namespace.
 */
export function makeNullDevice(pod: Files): void {
  pod.ensureDir(DIR, 0o700);
  const target = pod.path(DIR);
  mount({ source: "null", target, fsType: "tmpfs", flags: MS_NOSUID | MS_NOEXEC, data: "mode=700,size=4k" });
  mknodat(AT_FDCWD, nullPath(pod), S_IFCHR | 0o666, NULL_DEVICE);
  fchmodat(AT_FDCWD, nullPath(pod), 0o666);
}

/** Puts the pod's own null device in the place of the host's among this process's standard streams. */
export function replaceNullStreams(pod: Files, supervisor: number): void {
  const streams = [0, 1, 2].filter((fd) => {
    const { mode, rdev } = fstat(fd);
    return (mode & S_IFMT) === S_IFCHR && rdev === NULL_DEVICE;
  });
  if (streams.length === 0) return;
  const own = openat2(AT_FDCWD, `/proc/${supervisor}/root${nullPath(pod)}`, { flags: O_RDWR });
  for (const fd of streams) dup2(own, fd);
  close(own);
}
