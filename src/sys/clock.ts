import type { Clock } from "../base/clock.ts";

/** The machine's wall clock. */
export const systemClock: Clock = { nowMs: () => Date.now() };

/** Milliseconds of a clock that only goes forward, from an arbitrary start. */
export function monotonicMs(): number {
  return performance.now();
}
