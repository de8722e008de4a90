import type { Files } from "../sys/host.ts";
import { syncParent } from "../sys/linux/temp-file.ts";
import { syncTree } from "./unpack-layer.ts";

/** Everything written to the store so far is durable on return: one flush of its file system instead of one per file. */
export function syncContent(files: Files): void {
  syncTree(files.root);
}

/** The names of these entries are durable on return: one sync per directory that holds some of them. */
export function syncNames(files: Files, entries: readonly string[]): void {
  const byDir = new Map(entries.map((entry) => [entry.slice(0, entry.lastIndexOf("/")), entry]));
  for (const entry of byDir.values()) syncParent(files.path(entry));
}
