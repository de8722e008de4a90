import { expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pollReadable } from "./process-calls.ts";
import { FileWatch } from "./watch-files.ts";

test("FileWatch is readable after a write to any of its files, until that is forgotten", () => {
  const dir = mkdtempSync(join(tmpdir(), "gantry-watch-"));
  try {
    const [a, b] = [join(dir, "a"), join(dir, "b")];
    for (const file of [a, b]) writeFileSync(file, "");
    using watch = new FileWatch([a, b]);
    expect(pollReadable(watch.fd, 0)).toBe(false);
    appendFileSync(b, "x");
    expect(pollReadable(watch.fd, 0)).toBe(true);
    watch.clear();
    expect(pollReadable(watch.fd, 0)).toBe(false);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("FileWatch refuses a file that does not exist", () => {
  expect(() => new FileWatch(["/nonexistent/file"])).toThrowCode("sys/not-found");
});
