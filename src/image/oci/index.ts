import type { ImageIndex } from "../image-index.ts";
import { OCI_INDEX } from "../media-types.ts";
import { readIndex } from "../read-index.ts";

/**
 * Parses an OCI image index, also the `index.json` of an image layout.
 * Spec: OCI image-spec v1.1.0, image-index.md.
 * @throws {ImageError} "image/bad-index" naming every bad field, "image/too-large".
 */
export function parseOciIndex(raw: Uint8Array): ImageIndex {
  return readIndex(raw, { mediaType: OCI_INDEX, mediaTypeRequired: false });
}
