import { expect, test } from "bun:test";
import { isDueAgain, nextFailure } from "./failed-probe.ts";

test("isDueAgain() lets ever more time pass, a day at most, and none when the clock was set back", () => {
  const waits: number[] = [];
  let failed = nextFailure(undefined, 1000);
  for (let tries = 0; tries < 9; tries++) {
    const { triedAtMs } = failed;
    let waitedMs = 0;
    while (!isDueAgain(failed, triedAtMs + waitedMs, 30_000)) waitedMs += 30_000;
    waits.push(waitedMs / 30_000);
    failed = nextFailure(failed, triedAtMs + waitedMs);
  }
  expect(waits).toEqual([1, 4, 16, 64, 256, 1024, 2880, 2880, 2880]);
  expect(isDueAgain(undefined, 0, 30_000)).toBe(true);
  expect(isDueAgain({ failures: 5, triedAtMs: 1000 }, 999, 30_000)).toBe(true);
});
