import { expect, test } from "bun:test";
import { RateLimit } from "./rate-limit.ts";

test("RateLimit lets so many through a minute, and fills up again", async () => {
  let now = 0;
  const limit = new RateLimit(2, () => now);
  const work = () => limit.tryRun(async () => now);
  expect([await work(), await work(), work()]).toEqual([0, 0, undefined]);
  now = 30_000;
  expect([await work(), work()]).toEqual([30_000, undefined]);
});

test("RateLimit runs one at a time, turns away a crowd, and goes on after a failure", async () => {
  const limit = new RateLimit(100, () => 0);
  let running = 0;
  let most = 0;
  const work = () =>
    limit.tryRun(async () => {
      most = Math.max(most, ++running);
      await Bun.sleep(1);
      running--;
      throw new RangeError("x");
    });
  const turns = Array.from({ length: 6 }, work);
  expect(turns.map((turn) => turn !== undefined)).toEqual([true, true, true, true, false, false]);
  const ends = await Promise.allSettled(turns.filter((turn) => turn !== undefined));
  expect([most, ends.every(({ status }) => status === "rejected")]).toEqual([1, true]);
  expect(await limit.tryRun(async () => 5)).toBe(5);
});
