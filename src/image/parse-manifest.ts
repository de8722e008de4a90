import { parseDockerManifest } from "./docker/manifest.ts";
import type { ImageManifest } from "./image-config.ts";
import { DOCKER_MANIFEST, isIndexMediaType, OCI_MANIFEST } from "./media-types.ts";
import { parseOciManifest } from "./oci/manifest.ts";
import { unsupportedDocument } from "./unsupported-document.ts";

/**
 * Parses a manifest of either format. `mediaType` is what the descriptor or the registry said; a document that says
 * otherwise is refused.
 * @throws {ImageError} "image/bad-manifest", "image/too-large", "image/unsupported-media-type".
 */
export function parseManifest(raw: Uint8Array, mediaType: string): ImageManifest {
  if (mediaType === OCI_MANIFEST) return parseOciManifest(raw);
  if (mediaType === DOCKER_MANIFEST) return parseDockerManifest(raw);
  throw unsupportedDocument(
    "image manifest",
    mediaType,
    isIndexMediaType(mediaType) ? "choose one platform of the index" : undefined,
  );
}
