import { expect, test } from "bun:test";
import { lstatSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeCpio } from "./encode-cpio.ts";

test("encodeCpio() writes what another cpio unpacks: files, links, devices, FIFOs, owners and modes", () => {
  const dir = mkdtempSync(join(tmpdir(), "cpio-"));
  try {
    const archive = encodeCpio([
      { path: "a", kind: "dir", modeOctal: 0o1777 },
      { path: "a/odd", kind: "file", modeOctal: 0o640, uid: 12, gid: 34, content: "12345" },
      { path: "a/empty", kind: "file", modeOctal: 0o600 },
      { path: "a/link", kind: "symlink", modeOctal: 0o777, content: "odd" },
      { path: "a/pipe", kind: "fifo", modeOctal: 0o666 },
      { path: "a/null", kind: "char", modeOctal: 0o666, devMajor: 1, devMinor: 3 },
    ]);
    const ran = Bun.spawnSync(["busybox", "cpio", "-idm"], { cwd: dir, stdin: archive });
    expect(ran.exitCode).toBe(0);
    const odd = statSync(join(dir, "a/odd"));
    expect([odd.mode & 0o7777, odd.uid, odd.gid]).toEqual([0o640, 12, 34]);
    expect(readFileSync(join(dir, "a/odd"), "utf8")).toBe("12345");
    expect(statSync(join(dir, "a/empty")).size).toBe(0);
    expect(readlinkSync(join(dir, "a/link"))).toBe("odd");
    expect(lstatSync(join(dir, "a/pipe")).isFIFO()).toBe(true);
    expect(lstatSync(join(dir, "a/null")).rdev).toBe(0x103);
    expect(statSync(join(dir, "a")).mode & 0o7777).toBe(0o1777);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("encodeCpio() is the same for the same members, and archives may follow each other", () => {
  const one = encodeCpio([{ path: "x", kind: "file", modeOctal: 0o644, content: "1" }]);
  expect(encodeCpio([{ path: "x", kind: "file", modeOctal: 0o644, content: "1" }])).toEqual(one);
  expect(one.byteLength % 4).toBe(0);
});
