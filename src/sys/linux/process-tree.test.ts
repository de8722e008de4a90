import { expect, test } from "bun:test";
import { haveSameRoot } from "./process-tree.ts";

test("haveSameRoot() compares the root directories of processes, and one that is gone has none", async () => {
  const child = Bun.spawn(["sleep", "60"]);
  expect(haveSameRoot(process.pid, child.pid)).toBe(true);
  child.kill("SIGKILL");
  await child.exited;
  expect(haveSameRoot(process.pid, child.pid)).toBe(false);
});
