/** Lets one thing happen at a time, a few wait, and only so many per minute: a TPM answers within a second, not faster. */
export class RateLimit {
  readonly #perMinute: number;
  readonly #nowMs: () => number;
  #tokens: number;
  #filledAtMs: number;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  /** `nowMs` is a clock that never goes back. */
  constructor(perMinute: number, nowMs: () => number) {
    this.#perMinute = perMinute;
    this.#nowMs = nowMs;
    this.#tokens = perMinute;
    this.#filledAtMs = nowMs();
  }

  /** Runs `work` when its turn comes; undefined at once when there are too many. */
  tryRun<T>(work: () => Promise<T>): Promise<T> | undefined {
    const now = this.#nowMs();
    this.#tokens = Math.min(this.#perMinute, this.#tokens + ((now - this.#filledAtMs) / 60_000) * this.#perMinute);
    this.#filledAtMs = now;
    if (this.#tokens < 1 || this.#waiting >= MAX_WAITING) return undefined;
    this.#tokens--;
    this.#waiting++;
    const turn = this.#last.then(work).finally(() => this.#waiting--);
    this.#last = turn.catch(() => undefined); // the failure belongs to who asked
    return turn;
  }
}

const MAX_WAITING = 4;
