import type { ImageManifest } from "../image-config.ts";
import { OCI_MANIFEST } from "../media-types.ts";
import { readManifest } from "../read-manifest.ts";

/**
 * Parses an OCI image or artifact manifest. Its own `mediaType` may be absent but never different.
 * Spec: OCI image-spec v1.1.0, manifest.md.
 * @throws {ImageError} "image/bad-manifest" naming every bad field, "image/too-large".
 */
export function parseOciManifest(raw: Uint8Array): ImageManifest {
  return readManifest(raw, { mediaType: OCI_MANIFEST, mediaTypeRequired: false });
}
