import type { Files } from "../../sys/host.ts";
import { AT_FDCWD, O_NONBLOCK, O_WRONLY } from "../../sys/linux/constants.ts";
import { openat2, write } from "../../sys/linux/fs-calls.ts";
import { hasErrno } from "../../sys/linux/libc.ts";
import { OwnedFd } from "../../sys/linux/owned-fd.ts";
import { CONTROL_FIFO } from "./ports.ts";

/** Sends a line to the guest's control script. Nothing happens when the guest has ended. */
export function sendRequest(pod: Files, line: string): void {
  try {
    using fifo = new OwnedFd(openat2(AT_FDCWD, pod.path(CONTROL_FIFO), { flags: O_WRONLY | O_NONBLOCK }));
    write(fifo.fd, new TextEncoder().encode(`${line}\n`));
  } catch (reason) {
    // Nobody listens any more: the guest has ended by itself, or is beyond asking.
    if (!hasErrno(reason, "ENXIO", "ENOENT", "EAGAIN")) throw reason;
  }
}
