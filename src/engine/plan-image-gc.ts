import { MAX_DOCUMENT_BYTES } from "../image/decode-document.ts";
import { type Digest, parseDigest } from "../image/digest.ts";
import { ImageError } from "../image/errors.ts";
import { isManifestMediaType } from "../image/media-types.ts";
import { parseManifest } from "../image/parse-manifest.ts";
import type { GcInput } from "../store/gc-images.ts";
import { rootsOfRef } from "../store/image-refs.ts";
import { findReachable } from "../store/reachable.ts";
import { dashed, IMAGES_DIR, LAYERS_DIR } from "../store/store-paths.ts";
import type { Files } from "../sys/host.ts";
import { sniffMediaType } from "../transport/sniff-media-type.ts";
import type { EngineContext } from "./context.ts";

/** What a collection would remove. */
export interface GarbagePlan {
  /** Manifests among `blobs`. */
  readonly images: readonly Digest[];
  readonly blobs: readonly Digest[];
  /** Directory names. */
  readonly layers: readonly string[];
  /** Blobs only: layers are not measured. */
  readonly freedBytes: number;
}

/**
 * Finds what the store would collect now, by the store's own rules, without removing anything.
 * @throws {StoreError} "store/corrupt" when what an image needs cannot be known.
 */
export function planImageGc(
  ctx: Pick<EngineContext, "images" | "clock">,
  input: GcInput & { readonly withoutNames?: ReadonlySet<string> },
): GarbagePlan {
  const { files } = ctx.images;
  const named = ctx.images
    .listRefs()
    .filter((ref) => input.withoutNames?.has(ref.name) !== true)
    .flatMap(rootsOfRef);
  const reachable = findReachable(files, [...named, ...input.keepDigests.map((digest) => ({ digest }))]);
  const olderThanMs = ctx.clock.nowMs() - input.graceMs;
  const blobs = listBlobs(files).filter(
    (digest) => !reachable.blobs.has(digest) && isOld(files, blobRel(digest), olderThanMs),
  );
  const keptLayers = new Set([...[...reachable.diffIds].map(dashed), ...(input.keepLayers ?? [])]);
  const layers = files.list(LAYERS_DIR).filter((name) => {
    return (
      !keptLayers.has(name) &&
      !keptLayers.has(name.split("+")[0] ?? name) &&
      isOld(files, `${LAYERS_DIR}/${name}`, olderThanMs)
    );
  });
  const freedBytes = blobs.reduce((sum, digest) => sum + (files.stat(blobRel(digest))?.sizeBytes ?? 0), 0);
  return { images: blobs.filter((digest) => isManifest(files, digest)), blobs, layers, freedBytes };
}

function listBlobs(files: Files): Digest[] {
  const root = `${IMAGES_DIR}/blobs`;
  const isBlob = (name: string) => /^[0-9a-f]{64,128}$/.test(name);
  return files.list(root).flatMap((algorithm) => {
    return files
      .list(`${root}/${algorithm}`)
      .filter(isBlob)
      .map((hex) => parseDigest(`${algorithm}:${hex}`));
  });
}

function blobRel(digest: Digest): string {
  return `${IMAGES_DIR}/blobs/${digest.replace(":", "/")}`;
}

function isOld(files: Files, rel: string, olderThanMs: number): boolean {
  const stat = files.stat(rel);
  return stat !== undefined && Math.max(stat.modifiedAtMs, stat.changedAtMs) <= olderThanMs;
}

// A configuration looks much like a manifest (both have a "config"), so only what parses as one is one.
function isManifest(files: Files, digest: Digest): boolean {
  if ((files.stat(blobRel(digest))?.sizeBytes ?? Infinity) > MAX_DOCUMENT_BYTES) return false;
  const raw = files.readBytes(blobRel(digest), MAX_DOCUMENT_BYTES);
  const mediaType = sniffMediaType(raw);
  if (mediaType === undefined || !isManifestMediaType(mediaType)) return false;
  try {
    parseManifest(raw, mediaType);
    return true;
  } catch (reason) {
    if (reason instanceof ImageError) return false; // garbage of another kind
    throw reason;
  }
}
