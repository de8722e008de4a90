import { createHash } from "node:crypto";
import { OCI_INDEX } from "../../src/image/media-types.ts";
import type { BuiltImage } from "../../src/testing/image-builder.ts";
import type { TestRegistry } from "../../src/testing/registry/start-test-registry.ts";

/** Where in a registry something is put. */
export interface Place {
  readonly name: string;
  readonly tag?: string;
}

/** Puts an image into a registry as a push would, blobs first; its manifest's digest. */
export function publish({ content }: TestRegistry, image: BuiltImage, { name, tag }: Place): string {
  for (const [digest, bytes] of image.blobs) if (digest !== image.descriptor.digest) content.putBlob(name, bytes);
  const { mediaType } = image.descriptor;
  return content.putManifest(name, { raw: image.manifest, mediaType, ...(tag === undefined ? {} : { tag }) });
}

/** Puts an index over images of several platforms under a tag; the index' digest. */
export function publishIndex(registry: TestRegistry, images: readonly BuiltImage[], { name, tag }: Place): string {
  const manifests = images.map((image) => {
    publish(registry, image, { name });
    const { mediaType, digest, sizeBytes, platform } = image.descriptor;
    return { mediaType, digest, size: sizeBytes, platform };
  });
  const raw = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
  return registry.content.putManifest(name, { raw, mediaType: OCI_INDEX, ...(tag === undefined ? {} : { tag }) });
}

/** Digest of any text, for documents that a story makes by hand. */
export function sha256(text: string | Uint8Array): string {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}
