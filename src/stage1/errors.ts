import { EngineError } from "../base/errors.ts";

/** Closed set of what can go wrong between a prepared pod and its running apps. */
export type Stage1ErrorCode =
  | "stage1/unknown-regime"
  | "stage1/bad-image"
  | "stage1/forbidden"
  | "stage1/not-built"
  | "stage1/missing-tool"
  | "stage1/unsupported-host"
  | "stage1/start-failed"
  | "stage1/not-running"
  | "stage1/busy"
  | "stage1/enter-failed"
  | "stage1/build-failed"
  | "stage1/checkpoint-failed"
  | "stage1/unsupported"
  | "stage1/no-device"
  | "stage1/bad-cdi"
  | "stage1/bad-hook"
  | "stage1/failed";

/** An isolation regime that is not there or cannot do what was asked. */
export class Stage1Error extends EngineError<Stage1ErrorCode> {}
