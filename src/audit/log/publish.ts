import type { Files } from "../../sys/host.ts";
import { parseCheckpoint, signCheckpoint } from "../note/checkpoint.ts";
import type { NoteSigner } from "../note/note-keys.ts";
import type { LogAppender } from "./log-appender.ts";
import { CHECKPOINT_FILE, segmentPath } from "./log-layout.ts";
import { writeBundle } from "./write-tiles.ts";

/** Publishes the tree as it is now: partial tiles of its right edge, then the signed checkpoint over all of it. */
export function publishCheckpoint(files: Files, log: LogAppender, signer: NoteSigner): void {
  const { head, unfinished } = log;
  if (head.size === 0 || publishedSize(files, signer) === head.size) return;
  // What a checkpoint covers can no longer be lost.
  log.finish({ sync: true });
  files.sync(segmentPath(head.size - 1));
  if (unfinished.count > 0) writeBundle(files, unfinished);
  files.writeAtomic(CHECKPOINT_FILE, signCheckpoint(signer, head));
}

function publishedSize(files: Files, signer: NoteSigner): number | undefined {
  if (!files.has(CHECKPOINT_FILE)) return undefined;
  const text = files.readText(CHECKPOINT_FILE);
  return text.startsWith(`${signer.name}\n`) ? parseCheckpoint(text).size : undefined;
}
