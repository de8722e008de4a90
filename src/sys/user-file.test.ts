import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureUserDir } from "./user-file.ts";

const dir = mkdtempSync(join(tmpdir(), "gantry-user-file-"));
afterAll(() => rmSync(dir, { recursive: true }));

test("ensureUserDir() makes one directory, takes one that is there, and refuses a file and a missing parent", () => {
  ensureUserDir(join(dir, "made"));
  ensureUserDir(join(dir, "made"));
  expect(statSync(join(dir, "made")).isDirectory()).toBe(true);
  writeFileSync(join(dir, "file"), "");
  expect(() => ensureUserDir(join(dir, "file"))).toThrowCode("sys/exists");
  expect(() => ensureUserDir(join(dir, "missing/sub"))).toThrowCode("sys/not-found");
  expect(() => ensureUserDir(join(dir, "file/sub"))).toThrowCode("sys/errno");
});
