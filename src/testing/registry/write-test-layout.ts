import { digestOf } from "../../image/digest.ts";
import { OCI_INDEX } from "../../image/media-types.ts";
import type { Files } from "../../sys/host.ts";
import { RegistryContent } from "./registry-content.ts";
import { type PutImage, putRegistryImage } from "./registry-image.ts";

/** Writes an OCI layout with one-layer images, one per name; the layer may be any bytes (give a tar to other tools). */
export function writeTestLayout(
  files: Files,
  images: readonly { readonly ref: string; readonly layer: Uint8Array }[],
): readonly PutImage[] {
  const content = new RegistryContent();
  const put = images.map(({ ref, layer }) => putRegistryImage(content, { name: "layout", tag: ref, layer }));
  const repository = content.repository("layout");
  const blobs = [...repository.blobs.values(), ...[...repository.manifests.values()].map(({ raw }) => raw)];
  for (const raw of blobs) files.writeAtomic(`blobs/sha256/${digestOf(raw).slice("sha256:".length)}`, raw);
  const manifests = [...repository.tags].map(([ref, digest]) => {
    const kept = repository.manifests.get(digest);
    return {
      mediaType: kept?.mediaType,
      digest,
      size: kept?.raw.byteLength,
      annotations: { "org.opencontainers.image.ref.name": ref },
    };
  });
  files.writeAtomic("index.json", JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }));
  files.writeAtomic("oci-layout", JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  return put;
}
