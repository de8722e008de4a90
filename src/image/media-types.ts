import { ImageError } from "./errors.ts";

/** Media types Gantry writes itself. Spec: OCI image-spec v1.1.0, media-types.md. */
export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const OCI_CONFIG = "application/vnd.oci.image.config.v1+json";
export const OCI_EMPTY = "application/vnd.oci.empty.v1+json";
export const OCI_LAYER = "application/vnd.oci.image.layer.v1.tar";
export const OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip";
export const OCI_LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd";

/** Media types of the Docker registry format. Spec: distribution, image-manifest-v2-2.md. */
export const DOCKER_MANIFEST_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
export const DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json";
export const DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar";
export const DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip";
export const DOCKER_LAYER_ZSTD = "application/vnd.docker.image.rootfs.diff.tar.zstd";
export const DOCKER_FOREIGN_LAYER = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

/** How the tar stream of a layer is packed, and whether registries are allowed to hand it out. */
export interface LayerFormat {
  readonly compression: "none" | "gzip" | "zstd";
  readonly distributable: boolean;
}

const NON_DISTRIBUTABLE = "application/vnd.oci.image.layer.nondistributable.v1.tar";

const LAYER_FORMATS: ReadonlyMap<string, LayerFormat> = new Map([
  [OCI_LAYER, { compression: "none", distributable: true }],
  [OCI_LAYER_GZIP, { compression: "gzip", distributable: true }],
  [OCI_LAYER_ZSTD, { compression: "zstd", distributable: true }],
  [NON_DISTRIBUTABLE, { compression: "none", distributable: false }],
  [`${NON_DISTRIBUTABLE}+gzip`, { compression: "gzip", distributable: false }],
  [`${NON_DISTRIBUTABLE}+zstd`, { compression: "zstd", distributable: false }],
  [DOCKER_LAYER, { compression: "none", distributable: true }],
  [DOCKER_LAYER_GZIP, { compression: "gzip", distributable: true }],
  [DOCKER_LAYER_ZSTD, { compression: "zstd", distributable: true }],
  [DOCKER_FOREIGN_LAYER, { compression: "gzip", distributable: false }],
]);

/** Everything a request for "the manifest of this name" may be answered with; for `Accept` headers, in this order. */
export const MANIFEST_MEDIA_TYPES: readonly string[] = [OCI_INDEX, OCI_MANIFEST, DOCKER_MANIFEST_LIST, DOCKER_MANIFEST];

/** Whether the document lists manifests (index or manifest list). */
export function isIndexMediaType(mediaType: string): boolean {
  return mediaType === OCI_INDEX || mediaType === DOCKER_MANIFEST_LIST;
}

/** Whether the document is one image (or artifact) manifest. */
export function isManifestMediaType(mediaType: string): boolean {
  return mediaType === OCI_MANIFEST || mediaType === DOCKER_MANIFEST;
}

/** Whether the blob is the configuration of a container image, not of some other artifact. */
export function isConfigMediaType(mediaType: string): boolean {
  return mediaType === OCI_CONFIG || mediaType === DOCKER_CONFIG;
}

/** Whether the blob is a file system layer that can be unpacked. */
export function isLayerMediaType(mediaType: string): boolean {
  return LAYER_FORMATS.has(mediaType);
}

/**
 * How to read a layer of this media type.
 * @throws {ImageError} "image/unsupported-media-type" for everything that is not a tar layer, encrypted layers included.
 */
export function parseLayerMediaType(mediaType: string): LayerFormat {
  const format = LAYER_FORMATS.get(mediaType);
  if (format !== undefined) return format;
  throw new ImageError(
    "image/unsupported-media-type",
    `Cannot read layer of type "${mediaType.slice(0, 200)}": not a known layer format`,
    {
      hint: "use an image whose layers are tar, tar+gzip or tar+zstd",
      data: { mediaType: mediaType.slice(0, 200) },
    },
  );
}
