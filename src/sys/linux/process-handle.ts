import { hasErrno } from "./libc.ts";
import { OwnedFd } from "./owned-fd.ts";
import { pidfdOpen, pidfdSendSignal, pollReadable } from "./process-calls.ts";
import { readProcStat } from "./process-stat.ts";

const POLL_MS = 10;

/** A process held by pidfd: signals never reach another process that got the same number later. */
export class ProcessHandle implements Disposable {
  readonly pid: number;
  readonly #pidfd: OwnedFd;

  constructor(pid: number, pidfd: OwnedFd) {
    this.pid = pid;
    this.#pidfd = pidfd;
  }

  /** Undefined when there is no such process, or another one than the one that started at `startTicks`. */
  static open(pid: number, startTicks?: number): ProcessHandle | undefined {
    try {
      const handle = new ProcessHandle(pid, new OwnedFd(pidfdOpen(pid)));
      if (startTicks === undefined || readProcStat(pid)?.startTicks === startTicks) return handle;
      handle[Symbol.dispose]();
      return undefined;
    } catch (reason) {
      if (hasErrno(reason, "ESRCH", "EINVAL")) return undefined; // gone, or a number no process can have
      throw reason;
    }
  }

  /** The pidfd itself, for poll(2) and setns(2). */
  get fd(): number {
    return this.#pidfd.fd;
  }

  /** False once it has ended, also while it is still a zombie. */
  isAlive(): boolean {
    return !pollReadable(this.fd, 0);
  }

  /** Returns false when it had ended already. */
  signal(signal: number): boolean {
    try {
      pidfdSendSignal(this.fd, signal);
      return true;
    } catch (reason) {
      if (hasErrno(reason, "ESRCH")) return false; // ended: nothing to signal
      throw reason;
    }
  }

  /** Waits for the end without blocking the thread; false on time-out. */
  async waitForEnd(timeoutMs: number): Promise<boolean> {
    return waitPidfd(this.fd, timeoutMs);
  }

  [Symbol.dispose](): void {
    this.#pidfd[Symbol.dispose]();
  }
}

/** Waits until the process of a pidfd has ended, looking every few milliseconds; false on time-out. */
export async function waitPidfd(fd: number, timeoutMs: number): Promise<boolean> {
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    if (pollReadable(fd, 0)) return true;
    if (waitedMs >= timeoutMs) return false;
    await Bun.sleep(POLL_MS);
  }
}
