import { assertNever } from "../base/errors.ts";
import { PodError } from "./errors.ts";

/** Parent directory of a pod; with the lock it says everything about its state. */
export type PodDirState = "embryo" | "prepare" | "prepared" | "run" | "exited-garbage" | "garbage";

/** All parent directories, in the order a pod passes through them. */
export const POD_DIR_STATES = [
  "embryo",
  "prepare",
  "prepared",
  "run",
  "exited-garbage",
  "garbage",
] as const satisfies readonly PodDirState[];

/** What users see. */
export type PodState =
  | "embryo"
  | "preparing"
  | "aborted-prepare"
  | "prepared"
  | "running"
  | "checkpointed"
  | "exited"
  | "exited-garbage"
  | "garbage";

/** The state a directory, its lock and a finished checkpoint in it spell. Spec: docs/pod-lifecycle.md. */
export function podStateOf(dir: PodDirState, isLocked: boolean, isCheckpointed = false): PodState {
  switch (dir) {
    case "embryo":
      return "embryo";
    case "prepare":
      return isLocked ? "preparing" : "aborted-prepare";
    case "prepared":
      return "prepared";
    case "run":
      if (isLocked) return "running";
      return isCheckpointed ? "checkpointed" : "exited";
    case "exited-garbage":
      return "exited-garbage";
    case "garbage":
      return "garbage";
    default:
      return assertNever(dir);
  }
}

/** What can be done to a pod directory by whoever holds its lock. */
export type PodEvent = "begin-prepare" | "finish-prepare" | "start" | "mark-exited" | "discard";

/**
 * The only moves there are; each is one rename(2) under the pod's exclusive lock.
 * @throws {PodError} "pod/wrong-state"
 */
export function transition(from: PodDirState, event: PodEvent): PodDirState {
  const to = TRANSITIONS[event][from];
  if (to === undefined) {
    throw new PodError("pod/wrong-state", `Cannot ${event} a pod in ${from}: the state does not allow it`, {
      hint: "see its state with: gantry status POD",
      data: { from, event },
    });
  }
  return to;
}

const TRANSITIONS: Readonly<Record<PodEvent, Partial<Record<PodDirState, PodDirState>>>> = {
  "begin-prepare": { embryo: "prepare" },
  "finish-prepare": { prepare: "prepared" },
  start: { prepare: "run", prepared: "run" },
  "mark-exited": { run: "exited-garbage" },
  discard: {
    embryo: "garbage",
    prepare: "garbage",
    prepared: "garbage",
    run: "garbage",
    "exited-garbage": "garbage",
  },
};
