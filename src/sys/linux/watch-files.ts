import { O_CLOEXEC, O_NONBLOCK } from "./constants.ts";
import { callKernel, cString, tryKernel } from "./libc.ts";
import { OwnedFd } from "./owned-fd.ts";

const IN_MODIFY = 0x2;
const EVENT_BYTES = 4096;

/** A descriptor that is readable once one of the files has been written to. Spec: inotify(7) */
export class FileWatch extends OwnedFd {
  /** @throws {SysError} for a file that does not exist */
  constructor(paths: readonly string[]) {
    super(callKernel("inotify_init1", [O_CLOEXEC | O_NONBLOCK]));
    for (const path of paths) callKernel("inotify_add_watch", [this.fd, cString(path), IN_MODIFY], path);
  }

  /** Forgets what has happened so far. */
  clear(): void {
    const events = new Uint8Array(EVENT_BYTES);
    while (tryKernel("read", [this.fd, events, events.byteLength]) > 0);
  }
}
