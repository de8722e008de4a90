import type { ImageConfig } from "../image-config.ts";
import { readConfig } from "../read-config.ts";

/**
 * Parses a Docker image config. Its fields for building (`container_config`, `OnBuild`, …) mean nothing here.
 * Spec: moby, image/spec/v1.2.md.
 * @throws {ImageError} "image/bad-config" naming every bad field, "image/too-large".
 */
export function parseDockerConfig(raw: Uint8Array): ImageConfig {
  return readConfig(raw);
}
