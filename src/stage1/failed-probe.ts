/** How often in a row something has not worked on this host, and when it was tried last. */
export interface FailedProbe {
  readonly failures: number;
  readonly triedAtMs: number;
}

const FACTOR = 4;
const LONGEST_MS = 24 * 60 * 60 * 1000;

/** One more failure after `before`. */
export function nextFailure(before: FailedProbe | undefined, nowMs: number): FailedProbe {
  return { failures: (before?.failures ?? 0) + 1, triedAtMs: nowMs };
}

/**
 * Whether it is time to try again: `firstMs` after the first failure, four times later after each more, once a day at
 * last. A failure may have been the moment's, of a busy host, so none is believed for ever; but each try costs seconds.
 */
export function isDueAgain(failed: FailedProbe | undefined, nowMs: number, firstMs: number): boolean {
  if (failed === undefined || failed.triedAtMs > nowMs) return true; // the clock was set back
  return nowMs - failed.triedAtMs >= Math.min(firstMs * FACTOR ** (failed.failures - 1), LONGEST_MS);
}
