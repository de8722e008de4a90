import type { Files } from "../sys/host.ts";
import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from "../sys/linux/constants.ts";
import { openat2, syncfs } from "../sys/linux/fs-calls.ts";
import { OwnedFd } from "../sys/linux/owned-fd.ts";
import { syncParent } from "../sys/linux/temp-file.ts";

/** Everything written to the store so far is durable on return: one flush of its file system instead of one per file. */
export function syncContent(files: Files): void {
  syncTree(files.root);
}

/** The names of these entries are durable on return: one sync per directory that holds some of them. */
export function syncNames(files: Files, entries: readonly string[]): void {
  const byDir = new Map(entries.map((entry) => [entry.slice(0, entry.lastIndexOf("/")), entry]));
  for (const entry of byDir.values()) syncParent(files.path(entry));
}

/** Everything written so far to the file system that holds `dir` is durable on return. */
export function syncTree(dir: string): void {
  using opened = new OwnedFd(openat2(AT_FDCWD, dir, { flags: O_RDONLY | O_DIRECTORY }));
  syncfs(opened.fd);
}
