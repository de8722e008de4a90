import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFiles } from "../sys/linux/files.ts";
import { findOutOnce } from "./find-out-once.ts";

test("findOutOnce() asks once for all who ask at the same time, and again after a failure", async () => {
  const dir = mkdtempSync(join(tmpdir(), "gantry-once-"));
  try {
    const cache = openFiles(join(dir, "cache"));
    let [asked, running] = [0, 0];
    const readKept = () => (cache.has("kept") ? cache.readText("kept") : undefined);
    const find = async () => {
      asked += 1;
      running += 1;
      expect(running).toBe(1);
      await Bun.sleep(30);
      running -= 1;
      if (asked === 1) throw new RangeError("the first one fails");
      cache.writeAtomic("kept", "answer", 0o600);
      return "answer";
    };
    const answers = await Promise.allSettled([1, 2, 3].map(() => findOutOnce(cache, { readKept, find })));
    expect(answers.map((one) => one.status).toSorted()).toEqual(["fulfilled", "fulfilled", "rejected"]);
    expect([asked, await findOutOnce(cache, { readKept, find })]).toEqual([2, "answer"]);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
