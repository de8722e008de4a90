import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

let parent: string | undefined;
let count = 0;

/**
 * A new, empty directory that is removed only when everything has been measured: ext4 looks at inodes freed in the last
 * minutes again and again whenever a file is made, so removing thousands of files slows whatever is measured next.
 */
export function lateRemovedDir(): string {
  parent ??= mkdtempSync(join(tmpdir(), "bench-of-gantry-"));
  const dir = join(parent, `${count++}`);
  mkdirSync(dir);
  return dir;
}

/** Removes them all; what is in the way (a mount, after a failure) is told, because the failure itself matters more. */
export function removeLateDirs(): void {
  if (parent === undefined) return;
  try {
    rmSync(parent, { recursive: true, force: true });
  } catch (reason) {
    console.error(`cannot remove ${parent}: ${reason instanceof Error ? reason.message : String(reason)}`);
  }
  parent = undefined;
}
