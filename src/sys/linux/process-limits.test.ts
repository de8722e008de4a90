import { expect, test } from "bun:test";
import { prlimit, RLIMITS } from "./process-calls.ts";
import { readProcessLimits } from "./process-limits.ts";

test("readProcessLimits() shows what the kernel says of this process, for every limit there is", () => {
  const names = Object.keys(RLIMITS) as (keyof typeof RLIMITS)[];
  const found = readProcessLimits(process.pid);
  for (const name of names) expect([name, found.get(name)]).toEqual([name, prlimit(0, name)]);
});

test("readProcessLimits() reads those of a process of another user", async () => {
  await using child = Bun.spawn(["setpriv", "--reuid=1000", "--clear-groups", "sleep", "60"]);
  expect(readProcessLimits(child.pid).get("nofile")?.hard).toBe(prlimit(0, "nofile").hard);
});
