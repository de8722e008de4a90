import { parseDockerConfig } from "./docker/config.ts";
import type { ImageConfig } from "./image-config.ts";
import { DOCKER_CONFIG, OCI_CONFIG } from "./media-types.ts";
import { parseOciConfig } from "./oci/config.ts";
import { unsupportedDocument } from "./unsupported-document.ts";

/**
 * Parses the config of a container image; the configs of other artifacts are refused by their type.
 * @throws {ImageError} "image/bad-config", "image/too-large", "image/unsupported-media-type".
 */
export function parseConfig(raw: Uint8Array, mediaType: string = OCI_CONFIG): ImageConfig {
  if (mediaType === OCI_CONFIG) return parseOciConfig(raw);
  if (mediaType === DOCKER_CONFIG) return parseDockerConfig(raw);
  throw unsupportedDocument("image config", mediaType, "this is not a container image but another kind of artifact");
}
