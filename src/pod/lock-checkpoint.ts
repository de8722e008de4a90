import type { Files, Lock } from "../sys/host.ts";
import { CHECKPOINT_LOCK } from "./checkpoint-record.ts";
import { PodError } from "./errors.ts";
import type { PodId } from "./names.ts";

/** Held while a pod is halted and written: until then it counts as running. @throws {PodError} "pod/locked" while another command does that */
export function lockCheckpoint(files: Files, id: PodId): Lock {
  const lock = files.lock(CHECKPOINT_LOCK, { kind: "exclusive", wait: false });
  if (lock !== undefined) return lock;
  throw new PodError("pod/locked", `Cannot work on pod ${id}: it is being checkpointed`, {
    hint: "wait until that command has ended",
  });
}
