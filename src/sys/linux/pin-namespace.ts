import { closeSync, openSync } from "node:fs";
import { AT_FDCWD, O_RDONLY } from "./constants.ts";
import { withFileErrors } from "./file-error.ts";
import { openat2 } from "./fs-calls.ts";
import { setns, unshare } from "./mount-calls.ts";
import { bindMount } from "./mounts.ts";
import { OwnedFd } from "./owned-fd.ts";

/** A namespace to make: its name in /proc, its CLONE_NEW… flag, and the file that will keep it. */
export interface NamespacePin {
  readonly kind: "ipc" | "uts" | "net";
  readonly flag: number;
  readonly path: string;
  /** Runs inside, before anything else does. */
  readonly prepare?: () => void;
}

/** Makes a namespace that a bind mount on the new file `path` keeps alive; this thread stays where it is. */
export function pinNamespace({ kind, flag, path, prepare }: NamespacePin): void {
  withFileErrors(`create ${kind} namespace "${path}"`, () => {
    closeSync(openSync(path, "w", 0o444));
    const own = `/proc/thread-self/ns/${kind}`;
    using before = new OwnedFd(openat2(AT_FDCWD, own, { flags: O_RDONLY }));
    unshare(flag);
    try {
      prepare?.();
      bindMount({ source: own, target: path });
    } finally {
      setns(before.fd, flag);
    }
  });
}
