import type { ImageManifest } from "../image-config.ts";
import { DOCKER_MANIFEST } from "../media-types.ts";
import { readManifest } from "../read-manifest.ts";

/**
 * Parses a Docker schema 2 manifest, which must name its own `mediaType`.
 * Spec: distribution v2.8, image-manifest-v2-2.md "Image Manifest".
 * @throws {ImageError} "image/bad-manifest" naming every bad field, "image/too-large".
 */
export function parseDockerManifest(raw: Uint8Array): ImageManifest {
  return readManifest(raw, { mediaType: DOCKER_MANIFEST, mediaTypeRequired: true });
}
