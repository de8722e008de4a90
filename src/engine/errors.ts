import { EngineError } from "../base/errors.ts";

/** Closed set of failures of a use case that no lower folder can name. */
export type EngineErrorCode =
  | "engine/bad-input"
  | "engine/timeout"
  | "engine/needs-root"
  | "engine/image-in-use"
  | "engine/not-signable"
  | "engine/host-incomplete";

/** A use case that cannot be carried out as asked. */
export class UseCaseError extends EngineError<EngineErrorCode> {}
