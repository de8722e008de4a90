import { SysError } from "../errors.ts";
import { redactUrl } from "./redact-url.ts";

/** Aborts an exchange when no byte arrived for `idleTimeoutMs`, or when the caller's signal does. */
export class IdleTimer implements Disposable {
  readonly #controller = new AbortController();
  readonly #idleTimeoutMs: number;
  readonly #url: string;
  readonly #outer: AbortSignal | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(url: string, idleTimeoutMs: number, outer?: AbortSignal) {
    this.#url = url;
    this.#idleTimeoutMs = idleTimeoutMs;
    this.#outer = outer;
    if (outer?.aborted) this.#controller.abort(outer.reason);
    outer?.addEventListener("abort", this.#onOuterAbort, { once: true });
    this.restart();
  }

  /** Aborted with the caller's reason, or with SysError "sys/timeout". */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** To be called for every sign of life. */
  restart(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#controller.abort(this.#timeout()), this.#idleTimeoutMs);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#onOuterAbort);
  }

  readonly #onOuterAbort = (): void => this.#controller.abort(this.#outer?.reason);

  #timeout(): SysError {
    return new SysError(
      "sys/timeout",
      `Cannot read "${redactUrl(this.#url)}": nothing arrived for ${this.#idleTimeoutMs} ms`,
      {
        hint: "try again, or check the network",
      },
    );
  }
}
