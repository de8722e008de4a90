import type { ImageIndex } from "../image-index.ts";
import { DOCKER_MANIFEST_LIST } from "../media-types.ts";
import { readIndex } from "../read-index.ts";

/**
 * Parses a Docker manifest list, which must name its own `mediaType`.
 * Spec: distribution v2.8, image-manifest-v2-2.md "Manifest List".
 * @throws {ImageError} "image/bad-index" naming every bad field, "image/too-large".
 */
export function parseDockerIndex(raw: Uint8Array): ImageIndex {
  return readIndex(raw, { mediaType: DOCKER_MANIFEST_LIST, mediaTypeRequired: true });
}
