import { EngineError } from "../base/errors.ts";

/** Closed set of what can be wrong with an image document or name. */
export type ImageErrorCode =
  | "image/bad-digest"
  | "image/bad-reference"
  | "image/bad-platform"
  | "image/bad-descriptor"
  | "image/bad-manifest"
  | "image/bad-index"
  | "image/bad-config"
  | "image/bad-layer"
  | "image/bad-archive"
  | "image/no-counterpart"
  | "image/name-mismatch"
  | "image/bad-dependency"
  | "image/unsupported-media-type"
  | "image/no-platform"
  | "image/index-too-deep"
  | "image/too-large";

/** An image, or a name of one, that cannot be accepted as it is. */
export class ImageError extends EngineError<ImageErrorCode> {}
