import type { Descriptor } from "./descriptor.ts";
import { encodeManifest } from "./encode-document.ts";
import type { ImageManifest } from "./image-config.ts";
import {
  DOCKER_CONFIG,
  DOCKER_LAYER,
  DOCKER_LAYER_GZIP,
  DOCKER_LAYER_ZSTD,
  OCI_CONFIG,
  OCI_LAYER,
  OCI_LAYER_GZIP,
  OCI_LAYER_ZSTD,
  OCI_MANIFEST,
} from "./media-types.ts";

const OCI_NAMES: ReadonlyMap<string, string> = new Map([
  [DOCKER_CONFIG, OCI_CONFIG],
  [DOCKER_LAYER, OCI_LAYER],
  [DOCKER_LAYER_GZIP, OCI_LAYER_GZIP],
  [DOCKER_LAYER_ZSTD, OCI_LAYER_ZSTD],
]);

/**
 * The same image described the OCI way: config and layers keep their bytes, only media types change, so the manifest gets
 * another digest, and always the same one. Undefined for a manifest that is OCI already.
 */
export function toOciManifest(
  manifest: ImageManifest,
): { readonly raw: Uint8Array; readonly mediaType: string } | undefined {
  if (manifest.mediaType === OCI_MANIFEST) return undefined;
  const raw = encodeManifest({
    config: toOciDescriptor(manifest.config),
    layers: manifest.layers.map(toOciDescriptor),
    annotations: manifest.annotations,
  });
  return { raw, mediaType: OCI_MANIFEST };
}

/** The same blob under its OCI media type. */
export function toOciDescriptor(blob: Descriptor): Descriptor {
  return { ...blob, mediaType: OCI_NAMES.get(blob.mediaType) ?? blob.mediaType };
}
