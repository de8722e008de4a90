import { EngineError } from "../base/errors.ts";

/** Closed set of what can be wrong with a pod or with what is asked of it. */
export type PodErrorCode =
  | "pod/not-found"
  | "pod/ambiguous"
  | "pod/name-taken"
  | "pod/wrong-state"
  | "pod/locked"
  | "pod/bad-name"
  | "pod/bad-manifest"
  | "pod/bad-checkpoint"
  | "pod/bad-option"
  | "pod/unknown-user"
  | "pod/unknown-app"
  | "pod/no-command"
  | "pod/missing-executable"
  | "pod/missing-interpreter"
  | "pod/not-executable"
  | "pod/missing-volume"
  | "pod/no-id-range"
  | "pod/ids-taken"
  | "pod/no-idmap";

/** A pod that does not exist, is in the wrong state, or cannot be made as asked. */
export class PodError extends EngineError<PodErrorCode> {}
