import { ImageError } from "./errors.ts";

/** The refusal of a document by its media type; Docker's schema 1 gets its own hint because old registries still serve it. */
export function unsupportedDocument(what: string, mediaType: string, hint?: string): ImageError {
  const shown = mediaType.slice(0, 200);
  const schema1 = shown.includes("manifest.v1+");
  return new ImageError("image/unsupported-media-type", `Cannot read ${what} of type "${shown}": not supported`, {
    hint:
      hint ??
      (schema1
        ? "push the image again with a current tool: this format has been obsolete since 2017"
        : "use an OCI or Docker v2 image"),
    data: { mediaType: shown },
  });
}
