import { formatTimestamp } from "../base/clock.ts";
import { EngineError } from "../base/errors.ts";
import { MAX_DOCUMENT_BYTES } from "../image/decode-document.ts";
import type { Descriptor } from "../image/descriptor.ts";
import type { Digest } from "../image/digest.ts";
import { isConfigMediaType, isManifestMediaType } from "../image/media-types.ts";
import { parseConfig } from "../image/parse-config.ts";
import { parseManifest } from "../image/parse-manifest.ts";
import { formatPlatform } from "../image/platform.ts";
import type { Files } from "../sys/host.ts";
import { type ImageRef, type RefSummary, readAllRefs } from "./image-refs.ts";
import { readBlob } from "./read-blob.ts";

/** One stored image with every name it has. */
export interface StoredImage {
  readonly digest: Digest;
  readonly descriptor: Descriptor;
  readonly names: readonly string[];
  /** `os/arch[/variant]`, `multiple` for an index, `unknown` when a document is damaged or missing. */
  readonly platform: string;
  /** Packed: manifest, config and layers as fetched. */
  readonly sizeBytes: number;
  /** RFC 3339, of the first name. */
  readonly importedAt: string;
}

/** Summaries of all images that have a name, newest first. A damaged image is listed too: it must be possible to remove it. */
export function listImages(files: Files): StoredImage[] {
  const byDigest = new Map<Digest, ImageRef[]>();
  for (const ref of readAllRefs(files, { skipDamaged: true })) {
    const refs = byDigest.get(ref.descriptor.digest);
    if (refs === undefined) byDigest.set(ref.descriptor.digest, [ref]);
    else refs.push(ref);
  }
  return [...byDigest.values()]
    .flatMap((refs) => summarise(files, refs))
    .sort((a, b) => (a.importedAt > b.importedAt ? -1 : 1));
}

function summarise(files: Files, refs: readonly ImageRef[]): StoredImage[] {
  const [first] = refs;
  if (first === undefined) return [];
  const { descriptor } = first;
  return [
    {
      digest: descriptor.digest,
      descriptor,
      names: refs.map((ref) => ref.name),
      importedAt: formatTimestamp(Math.min(...refs.map((ref) => ref.importedAtMs))),
      ...(first.summary ?? summariseImage(files, descriptor)),
    },
  ];
}

/** Platform and size of an image, from its documents. */
export function summariseImage(files: Files, descriptor: Descriptor): RefSummary {
  if (!isManifestMediaType(descriptor.mediaType)) return { platform: "multiple", sizeBytes: descriptor.sizeBytes };
  try {
    const manifest = parseManifest(readBlob(files, descriptor.digest, MAX_DOCUMENT_BYTES), descriptor.mediaType);
    const sizeBytes = [descriptor, manifest.config, ...manifest.layers].reduce((sum, blob) => sum + blob.sizeBytes, 0);
    if (!isConfigMediaType(manifest.config.mediaType)) return { platform: "unknown", sizeBytes };
    const config = parseConfig(readBlob(files, manifest.config.digest, MAX_DOCUMENT_BYTES), manifest.config.mediaType);
    return { platform: formatPlatform(config.platform), sizeBytes };
  } catch (reason) {
    // Damage is reported where the image is used; a list that fails would hide every other image.
    if (reason instanceof EngineError) return { platform: "unknown", sizeBytes: descriptor.sizeBytes };
    throw reason;
  }
}
