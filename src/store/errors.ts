import { EngineError } from "../base/errors.ts";

/** Closed set of what can go wrong with stored images. */
export type StoreErrorCode =
  | "store/content-mismatch"
  | "store/not-found"
  | "store/ambiguous"
  | "store/in-use"
  | "store/corrupt"
  | "store/unpack-failed"
  | "store/unmovable"
  /** Internal to unpacking: this layer can only be unpacked once its parents are. */
  | "store/needs-parents";

/** Something the image store cannot do, or found damaged. */
export class StoreError extends EngineError<StoreErrorCode> {}
