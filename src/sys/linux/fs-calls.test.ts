import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { EngineError } from "../../base/errors.ts";
import * as k from "./constants.ts";
import * as fs from "./fs-calls.ts";
import { OwnedFd } from "./owned-fd.ts";
import { fgetxattr, flistxattr, fsetxattr } from "./xattr-calls.ts";

const NAME = new Uint8Array([0x78, 0xff, 0xfe]);

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (reason) {
    return reason instanceof EngineError ? reason.code : String(reason);
  }
  return "nothing thrown";
}

test("openat2() and its siblings take names that are not UTF-8, and errno becomes a code", () => {
  const path = mkdtempSync(`${tmpdir()}/gantry-calls-`);
  try {
    using dir = new OwnedFd(fs.openat2(k.AT_FDCWD, path, { flags: k.O_PATH | k.O_DIRECTORY }));
    expect(codeOf(() => fs.unlinkat(dir.fd, NAME))).toBe("sys/not-found");
    expect(codeOf(() => fs.unlinkat(dir.fd, "a\0b"))).toBe("sys/bad-path");
    using file = new OwnedFd(fs.openat2(dir.fd, NAME, { flags: k.O_CREAT | k.O_EXCL | k.O_RDWR, modeOctal: 0o600 }));
    expect(codeOf(() => fs.mkdirat(dir.fd, NAME, 0o700))).toBe("sys/exists");
    fs.write(file.fd, new Uint8Array([1, 2, 3]));
    fs.utimensat(dir.fd, NAME, { atimeNs: 0n, mtimeNs: -1_500_000_000n }, k.AT_SYMLINK_NOFOLLOW);
    expect(fs.fstat(file.fd)).toMatchObject({ size: 3, mtimeNs: -1_500_000_000n, uid: process.getuid?.() ?? 0 });
    fsetxattr(file.fd, "user.a", new Uint8Array());
    expect([fgetxattr(file.fd, "user.a"), fgetxattr(file.fd, "user.b")]).toEqual([new Uint8Array(), undefined]);
    expect(flistxattr(file.fd).map((name) => new TextDecoder().decode(name))).toContain("user.a");
    const how = { flags: k.O_PATH, resolve: k.RESOLVE_BENEATH };
    expect(codeOf(() => fs.openat2(dir.fd, "../x", how))).toBe("sys/errno");
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
});

test("makeDevice() encodes large minors as the kernel does", () => {
  expect([fs.makeDevice(1, 3), fs.makeDevice(8, 0x12345)]).toEqual([0x103n, 0x12300845n]);
  expect([0x103n, 0x12300845n].map(fs.splitDevice)).toEqual([
    { major: 1, minor: 3 },
    { major: 8, minor: 0x12345 },
  ]);
});
