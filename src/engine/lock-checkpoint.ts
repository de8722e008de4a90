import { PodError } from "../pod/errors.ts";
import type { PodId } from "../pod/names.ts";
import type { Files, Lock } from "../sys/host.ts";

/** Held while a pod is halted and written. @throws {PodError} "pod/locked" while another command does that */
export function lockCheckpoint(files: Files, id: PodId): Lock {
  const lock = files.lock("checkpoint.lock", { kind: "exclusive", wait: false });
  if (lock !== undefined) return lock;
  throw new PodError("pod/locked", `Cannot work on pod ${id}: it is being checkpointed`, {
    hint: "wait until that command has ended",
  });
}
