import type { ImageConfig } from "../image-config.ts";
import { readConfig } from "../read-config.ts";

/**
 * Parses an OCI image config; JSON null counts as absent.
 * Spec: OCI image-spec v1.1.0, config.md.
 * @throws {ImageError} "image/bad-config" naming every bad field, "image/too-large".
 */
export function parseOciConfig(raw: Uint8Array): ImageConfig {
  return readConfig(raw);
}
