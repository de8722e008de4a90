import { ImageError } from "./errors.ts";
import type { ImageConfig, ImageManifest } from "./image-config.ts";
import { parseLayerMediaType } from "./media-types.ts";

/**
 * Asserts that manifest and config tell of the same layers: as many blobs as diffIDs, and every blob a layer format.
 * @throws {ImageError} "image/bad-config", "image/unsupported-media-type".
 */
export function assertLayersMatch(manifest: ImageManifest, config: ImageConfig): void {
  for (const layer of manifest.layers) parseLayerMediaType(layer.mediaType);
  if (manifest.layers.length === config.diffIds.length) return;
  const counts = `${manifest.layers.length} layers, config has ${config.diffIds.length} diff_ids`;
  throw new ImageError("image/bad-config", `Cannot accept image ${manifest.digest}: manifest has ${counts}`, {
    hint: "tell the publisher of the image, or use another version of it",
    data: { layers: manifest.layers.length, diffIds: config.diffIds.length },
  });
}
