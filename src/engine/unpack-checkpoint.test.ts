import { afterEach, beforeEach, expect, test } from "bun:test";
import "../testing/to-throw-code.ts";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeTar, type TarInput } from "../image/layer/encode-tar.ts";
import type { CheckpointDocument } from "../pod/checkpoint-document.ts";
import { openFiles } from "../sys/linux/files.ts";
import { unpackCheckpoint } from "./unpack-checkpoint.ts";

let base: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "gantry-import-"));
});

afterEach(() => rmSync(base, { recursive: true, force: true }));

const DOCUMENT = {
  manifest: { apps: [{ name: "web" }, { name: "old" }], volumes: [{ kind: "empty", name: "data" }] },
  record: { apps: ["web"] },
  started: { web: { credentials: {}, argv: [], env: [] } },
  ended: { old: 3 },
} as unknown as CheckpointDocument;

const FIRST: TarInput = { path: "gantry-checkpoint.json", content: "{}" };
const LAST: TarInput = { path: "gantry-checkpoint.end", content: "" };

function unpack(...members: readonly TarInput[]): void {
  openFiles(base).ensureDir("pod", 0o700);
  unpackCheckpoint(openFiles(join(base, "pod")), { document: DOCUMENT, chunks: () => [encodeTar(members)] });
}

test("unpackCheckpoint() puts each member at its place", () => {
  unpack(
    FIRST,
    { path: "checkpoint/", kind: "dir" },
    { path: "checkpoint/web/pages-1.img", content: "memory" },
    { path: "checkpoint/.shm.tar", content: "shm" },
    { path: "logs/old/log", content: "line" },
    { path: "trees/apps/web/./", kind: "dir", modeOctal: 0o711 },
    { path: "trees/apps/web/file", content: "text" },
    { path: "trees/apps/web/again", kind: "hardlink", linkTarget: "trees/apps/web/file" },
    { path: "trees/volumes/data/x", content: "volume" },
    LAST,
  );
  const read = (rel: string) => readFileSync(join(base, "pod", rel), "utf8");
  expect(read("checkpoint/web/pages-1.img")).toBe("memory");
  expect(read("apps/web/upper/again")).toBe("text");
  expect(read("volumes/data/x")).toBe("volume");
  expect(read("logs/old/log")).toBe("line");
  expect(read("status/old")).toBe("3\n");
  expect(existsSync(join(base, "pod/trash"))).toBe(false);
});

const OUT: TarInput = { path: "trees/apps/web/out", kind: "symlink", linkTarget: "../../../../.." };

test.each([
  ["a member that has no place", [FIRST, { path: "pod.json", content: "{}" }, LAST]],
  ["a program", [FIRST, { path: "apps/web/runtime", content: "" }, LAST]],
  ["a path that leads out", [FIRST, { path: "checkpoint/web/../../../x", content: "" }, LAST]],
  ["a hidden file", [FIRST, { path: "checkpoint/web/.x", content: "" }, LAST]],
  ["an app that there is none of", [FIRST, { path: "checkpoint/db/x.img", content: "" }, LAST]],
  [
    "a link in place of a file",
    [FIRST, { path: "checkpoint/web/x.img", kind: "symlink", linkTarget: "/etc/shadow" }, LAST],
  ],
  ["a member twice", [FIRST, { path: "logs/web/log", content: "" }, { path: "logs/web/log", content: "" }, LAST]],
  ["the document twice", [FIRST, FIRST, LAST]],
  ["a tree that leads out", [FIRST, { path: "trees/apps/web/../../x", content: "" }, LAST]],
  [
    "a hard link out of its tree",
    [FIRST, { path: "trees/apps/web/x", kind: "hardlink", linkTarget: "trees/volumes/data/x" }, LAST],
  ],
  ["a tree of an app that had ended", [FIRST, { path: "trees/apps/old/x", content: "" }, LAST]],
  ["something after the end", [FIRST, LAST, { path: "logs/web/log", content: "" }]],
  ["no end", [FIRST, { path: "logs/web/log", content: "" }]],
] as [string, TarInput[]][])("unpackCheckpoint() refuses %s", (_, members) => {
  expect(() => unpack(...members)).toThrowCode("pod/bad-checkpoint");
  expect(readdirSync(base)).toEqual(["pod"]);
});

test("unpackCheckpoint() does not follow links out of a tree", () => {
  unpack(FIRST, OUT, { path: "trees/apps/web/out/escaped", content: "" }, LAST);
  expect(existsSync(join(base, "escaped"))).toBe(false);
  expect(existsSync(join(base, "pod/apps/web/upper/escaped"))).toBe(true);
});
