import { parseDockerIndex } from "./docker/index.ts";
import type { ImageIndex } from "./image-index.ts";
import { DOCKER_MANIFEST_LIST, OCI_INDEX } from "./media-types.ts";
import { parseOciIndex } from "./oci/index.ts";
import { unsupportedDocument } from "./unsupported-document.ts";

/** How deep indexes may nest: an index of indexes is the most anybody publishes. */
export const MAX_INDEX_DEPTH = 4;

/**
 * Parses an OCI index (the default, for `index.json`) or a Docker manifest list.
 * @throws {ImageError} "image/bad-index", "image/too-large", "image/unsupported-media-type".
 */
export function parseIndex(raw: Uint8Array, mediaType: string = OCI_INDEX): ImageIndex {
  if (mediaType === OCI_INDEX) return parseOciIndex(raw);
  if (mediaType === DOCKER_MANIFEST_LIST) return parseDockerIndex(raw);
  throw unsupportedDocument("image index", mediaType);
}
