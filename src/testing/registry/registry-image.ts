import { digestOf } from "../../image/digest.ts";
import { OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from "../../image/media-types.ts";
import type { RegistryContent } from "./registry-content.ts";

/** Digests of an image put into a test registry. */
export interface PutImage {
  readonly manifest: string;
  readonly manifestRaw: Uint8Array;
  readonly layer: string;
  readonly config: string;
}

/** Puts a one-layer image, whose layer is any bytes, into a repository under a tag. */
export function putRegistryImage(
  content: RegistryContent,
  image: { readonly name: string; readonly tag: string; readonly layer: Uint8Array; readonly architecture?: string },
): PutImage {
  const configRaw = JSON.stringify({
    os: "linux",
    architecture: image.architecture ?? "amd64",
    rootfs: { type: "layers", diff_ids: [digestOf(image.layer)] },
    config: {},
  });
  const config = content.putBlob(image.name, configRaw);
  const layer = content.putBlob(image.name, image.layer);
  const manifestRaw = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: OCI_CONFIG, digest: config, size: Buffer.byteLength(configRaw) },
      layers: [{ mediaType: OCI_LAYER, digest: layer, size: image.layer.byteLength }],
    }),
  );
  const manifest = content.putManifest(image.name, { raw: manifestRaw, mediaType: OCI_MANIFEST, tag: image.tag });
  return { manifest, manifestRaw, layer, config };
}
