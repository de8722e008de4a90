import { close } from "./fs-calls.ts";

/** A file descriptor that is closed when disposed, once. */
export class OwnedFd implements Disposable {
  #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** The descriptor; -1 once disposed or released. */
  get fd(): number {
    return this.#fd;
  }

  /** Path that names the open file itself, for interfaces that take only paths. */
  get procPath(): string {
    return `/proc/self/fd/${this.#fd}`;
  }

  /** Hands the descriptor to the caller, who closes it. */
  release(): number {
    const fd = this.#fd;
    this.#fd = -1;
    return fd;
  }

  [Symbol.dispose](): void {
    const fd = this.release();
    if (fd >= 0) close(fd);
  }
}
