import type { Clock } from "../base/clock.ts";

/** The machine's wall clock. */
export const systemClock: Clock = { nowMs: () => Date.now() };
