import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostLeaks, hostSnapshot } from "./host-snapshot.ts";

test("hostLeaks() tells nothing when nothing changed", () => {
  expect(hostLeaks(hostSnapshot(), hostSnapshot())).toEqual([]);
});

test("hostLeaks() tells a mount and a temporary directory that stay", () => {
  const before = hostSnapshot();
  const dir = mkdtempSync(join(tmpdir(), "gantry-leak-"));
  try {
    Bun.spawnSync(["mount", "-t", "tmpfs", "leak", dir]);
    const left = hostLeaks(before, hostSnapshot());
    expect(left).toContain(`temporary file: ${dir}`);
    expect(left).toContain(`mount: ${dir} (tmpfs leak /)`);
  } finally {
    Bun.spawnSync(["umount", dir]);
    rmSync(dir, { recursive: true });
  }
});
