import { ImageError } from "../errors.ts";

/** The refusal of a layer whose tar stream cannot be read; `problem` completes "Cannot read layer: …". */
export function badArchive(problem: string, cause?: unknown): ImageError {
  return new ImageError("image/bad-layer", `Cannot read layer: ${problem}`, {
    hint: "use another version of the image: this layer is malformed",
    ...(cause === undefined ? {} : { cause }),
  });
}
