/** Blocks the thread. Only for waiting on what cannot be waited for otherwise, and for milliseconds. */
export function sleepSync(ms: number): void {
  Bun.sleepSync(ms);
}

/** Lets everything that waits for its turn have it: for long work between whose parts others are to get on. */
export function giveWay(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
