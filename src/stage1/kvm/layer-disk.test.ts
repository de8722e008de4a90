import { expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AT_FDCWD, MS_RDONLY, S_IFCHR } from "../../sys/linux/constants.ts";
import { mknodat } from "../../sys/linux/fs-calls.ts";
import { mount } from "../../sys/linux/mount-calls.ts";
import { unmount } from "../../sys/linux/mounts.ts";
import { createPrograms } from "../../sys/linux/processes.ts";
import { lgetxattr, lsetxattr } from "../../sys/linux/xattr-calls.ts";
import { ensureLayerDisk } from "./layer-disk.ts";

test("ensureLayerDisk() keeps owners, modes, times, attributes, links and overlay marks, and is made once", async () => {
  const dir = mkdtempSync(join(tmpdir(), "disk-"));
  const [tree, at] = [join(dir, "tree"), join(dir, "mnt")];
  for (const path of [tree, join(tree, "sub"), at]) mkdirSync(path);
  writeFileSync(join(tree, "sub/file"), "content");
  chownSync(join(tree, "sub/file"), 1234, 70_000);
  chmodSync(join(tree, "sub/file"), 0o4751);
  utimesSync(join(tree, "sub/file"), 1_000_000_000, 1_000_000_000);
  symlinkSync("/etc/x", join(tree, "link"));
  lsetxattr(join(tree, "sub/file"), "user.mark", new TextEncoder().encode("v"));
  lsetxattr(join(tree, "sub"), "trusted.overlay.opaque", new TextEncoder().encode("y"));
  mknodat(AT_FDCWD, join(tree, "gone"), S_IFCHR, 0n);
  try {
    const disk = await ensureLayerDisk(createPrograms(), tree);
    const made = statSync(disk.path).mtimeMs;
    expect((await ensureLayerDisk(createPrograms(), tree)).path).toBe(disk.path);
    expect(statSync(disk.path).mtimeMs).toBe(made);
    const loop = disk.fsType === "erofs" ? disk.path : undefined;
    if (loop === undefined) return;
    mount({ source: loop, target: at, fsType: "erofs", flags: MS_RDONLY });
    const file = statSync(join(at, "sub/file"));
    expect([file.mode & 0o7777, file.uid, file.gid, file.mtimeMs]).toEqual([0o4751, 1234, 70_000, 1_000_000_000_000]);
    expect(new TextDecoder().decode(lgetxattr(join(at, "sub/file"), "user.mark"))).toBe("v");
    expect(new TextDecoder().decode(lgetxattr(join(at, "sub"), "trusted.overlay.opaque"))).toBe("y");
    expect(lstatSync(join(at, "link")).isSymbolicLink()).toBe(true);
    const gone = lstatSync(join(at, "gone"));
    expect([gone.isCharacterDevice(), gone.rdev]).toEqual([true, 0]);
  } finally {
    unmount(at);
    rmSync(dir, { recursive: true });
  }
});
