/** Blocks the thread. Only for waiting on what cannot be waited for otherwise, and for milliseconds. */
export function sleepSync(ms: number): void {
  Bun.sleepSync(ms);
}
