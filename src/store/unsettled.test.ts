import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { digestOf } from "../image/digest.ts";
import { openFiles } from "../sys/linux/files.ts";
import { toThrowCode } from "../testing/to-throw-code.ts";
import { listSettleable, noteUnsettled, recoverUnsettled, settleStore } from "./unsettled.ts";

expect.extend({ toThrowCode });

let root = "";
beforeEach(() => {
  root = mkdtempSync(`${tmpdir()}/gantry-unsettled-`);
  mkdirSync(`${root}/images/blobs/sha256`, { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const notes = (): string[] => (existsSync(`${root}/unsettled`) ? readdirSync(`${root}/unsettled`) : []);
const layerName = (seed: string): string => digestOf(seed).replace(":", "-");

/** A blob with this content under the digest of `named`; and a layer. */
function store(seed: string, content = seed) {
  const digest = digestOf(seed);
  writeFileSync(`${root}/images/blobs/${digest.replace(":", "/")}`, content);
  mkdirSync(`${root}/layers/${layerName(seed)}/tree`, { recursive: true });
  writeFileSync(`${root}/layers/${layerName(seed)}/meta.json`, "{}");
  return { blobs: [digest], layers: [layerName(seed)] };
}
const has = (seed: string) => ({
  blob: existsSync(`${root}/images/blobs/${digestOf(seed).replace(":", "/")}`),
  layer: existsSync(`${root}/layers/${layerName(seed)}`),
});

test("recoverUnsettled() after a crash keeps sound blobs, drops damaged ones and every layer that was noted", async () => {
  const files = openFiles(root);
  noteUnsettled(files, "boot-1", store("sound")).finish();
  noteUnsettled(files, "boot-1", store("damaged", "")); // killed before it finished
  store("bystander", "damaged, and none of our business");
  await recoverUnsettled(files, "boot-2");
  expect([has("sound"), has("damaged"), has("bystander")]).toEqual([
    { blob: true, layer: false },
    { blob: false, layer: false },
    { blob: true, layer: true },
  ]);
  expect(notes()).toEqual([]);
});

test("recoverUnsettled() doubts nothing of the running boot", async () => {
  const files = openFiles(root);
  noteUnsettled(files, "boot-1", store("a", "")).finish();
  await recoverUnsettled(files, "boot-1");
  expect(has("a")).toEqual({ blob: true, layer: true });
  expect(notes()).toHaveLength(1);
});

test("settleStore() ends the doubt about what has finished, and alone about all of this boot", async () => {
  const files = openFiles(root);
  noteUnsettled(files, "boot-1", store("finished")).finish();
  noteUnsettled(files, "boot-1", store("under way"));
  noteUnsettled(files, "boot-0", store("of an earlier boot")).finish();
  const age = { nowMs: Date.now() + 1000, olderThanMs: 0 };
  expect(listSettleable(files, "boot-1", age)).toHaveLength(1);
  expect(listSettleable(files, "boot-1", { ...age, olderThanMs: 60_000 })).toEqual([]);
  settleStore(files, "boot-1");
  expect(notes()).toHaveLength(2);
  settleStore(files, "boot-1", { isAlone: true });
  expect(notes()).toHaveLength(1);
  await recoverUnsettled(files, "boot-1");
  expect([has("finished").layer, has("under way").layer, has("of an earlier boot").layer]).toEqual([true, true, false]);
});

test.each([
  "",
  "{",
  '{"bootId":"b","blobs":["sha256:x"],"layers":[]}',
  '{"bootId":"b","blobs":[],"layers":["../pods"]}',
])("recoverUnsettled() refuses the note %j and removes nothing", async (text) => {
  const files = openFiles(root);
  const content = store("a", "");
  noteUnsettled(files, "boot-1", content).finish();
  writeFileSync(`${root}/unsettled/zzz`, text);
  mkdirSync(`${root}/pods`);
  await expect(recoverUnsettled(files, "boot-2")).rejects.toThrowCode("store/corrupt");
  expect(has("a")).toEqual({ blob: true, layer: true });
  expect(existsSync(`${root}/pods`)).toBe(true);
});
