import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EngineError } from "../../base/errors.ts";
import { AT_FDCWD, O_PATH } from "./constants.ts";
import { close, fstat, mkfifoat, openat2 } from "./fs-calls.ts";
import { RootedDir } from "./rooted-dir.ts";

let outside = "";
let root = "";

beforeEach(() => {
  outside = mkdtempSync(join(tmpdir(), "gantry-rooted-"));
  root = join(outside, "root");
  mkdirSync(join(root, "etc"), { recursive: true });
  writeFileSync(join(root, "etc/passwd"), "inside");
  writeFileSync(join(outside, "secret"), "outside");
});
afterEach(() => rmSync(outside, { recursive: true, force: true }));

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (reason) {
    return reason instanceof EngineError ? reason.code : String(reason);
  }
  return "nothing thrown";
}

test("RootedDir resolves absolute links and dots inside the root", () => {
  symlinkSync("/etc/passwd", join(root, "abs"));
  symlinkSync("../../../../etc/passwd", join(root, "etc/up"));
  using dir = RootedDir.open(root);
  for (const path of ["/etc/passwd", "/abs", "/etc/up", "../../etc/passwd", "etc/passwd"]) {
    expect(dir.readTextIfPresent(path)).toBe("inside");
  }
});

test("RootedDir never reaches a file outside", () => {
  symlinkSync("../secret", join(root, "leak"));
  symlinkSync(join(outside, "secret"), join(root, "leak2"));
  symlinkSync("/proc/self/fd/0", join(root, "magic"));
  using dir = RootedDir.open(root);
  for (const path of ["/leak", "/leak2", "/magic", "../secret"]) expect(dir.readTextIfPresent(path)).toBeUndefined();
  expect(dir.stat("/leak")).toBeUndefined();
  expect(codeOf(() => dir.openDirBeneath("/leak"))).not.toBe("nothing thrown");
});

test("RootedDir.ensureDir() makes the targets of dangling links inside the root", () => {
  symlinkSync("/a/b", join(root, "etc/link"));
  symlinkSync("../../../../x", join(root, "etc/up"));
  using dir = RootedDir.open(root);
  using made = dir.ensureDir("/etc/link/c", 0o711);
  using up = dir.ensureDir("etc/up");
  expect(existsSync(join(root, "a/b/c"))).toBe(true);
  expect(existsSync(join(root, "x"))).toBe(true);
  expect(existsSync(join(outside, "x"))).toBe(false);
  expect(fstat(made.fd).mode & 0o7777).toBe(0o711);
  expect(up.fd).toBeGreaterThan(0);
});

test("RootedDir.ensureFile() follows a dangling link inside the root and keeps existing content", () => {
  mkdirSync(join(root, "run"));
  symlinkSync("../run/resolv.conf", join(root, "etc/resolv.conf"));
  symlinkSync("../../../secret2", join(root, "etc/leak"));
  using dir = RootedDir.open(root);
  dir.ensureFile("/etc/resolv.conf")[Symbol.dispose]();
  dir.ensureFile("/etc/passwd")[Symbol.dispose]();
  dir.ensureFile("/etc/leak")[Symbol.dispose]();
  expect(existsSync(join(root, "run/resolv.conf"))).toBe(true);
  expect(existsSync(join(root, "secret2"))).toBe(true);
  expect(existsSync(join(outside, "secret2"))).toBe(false);
  expect(readFileSync(join(root, "etc/passwd"), "utf8")).toBe("inside");
});

test("RootedDir refuses link loops, FIFOs and oversized files with a code", () => {
  symlinkSync("loop", join(root, "loop"));
  const fd = openat2(AT_FDCWD, root, { flags: O_PATH });
  mkfifoat(fd, "fifo", 0o600);
  close(fd);
  using dir = RootedDir.open(root);
  expect(codeOf(() => dir.ensureDir("/loop"))).toBe("sys/bad-path");
  expect(codeOf(() => dir.ensureFile("/loop"))).toBe("sys/bad-path");
  expect(codeOf(() => dir.readBytes("/fifo", 10))).toBe("sys/bad-path");
  expect(codeOf(() => dir.readBytes("/etc/passwd", 3))).toBe("sys/too-large");
});
