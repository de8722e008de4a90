import { MAX_DOCUMENT_BYTES } from "../image/decode-document.ts";
import type { Digest } from "../image/digest.ts";
import { isConfigMediaType, isIndexMediaType, isManifestMediaType } from "../image/media-types.ts";
import { parseConfig } from "../image/parse-config.ts";
import { MAX_INDEX_DEPTH, parseIndex } from "../image/parse-index.ts";
import { parseManifest } from "../image/parse-manifest.ts";
import type { Files } from "../sys/host.ts";
import { readBlob } from "./read-blob.ts";
import { blobPath } from "./store-paths.ts";

/** Everything that may not be collected. */
export interface Reachable {
  readonly blobs: Set<Digest>;
  readonly diffIds: Set<Digest>;
}

/** A document to start from; without media type it is looked into to find out. */
export interface Root {
  readonly digest: Digest;
  readonly mediaType?: string;
}

/**
 * Follows manifests and indexes from `roots`. Blobs that are named but not stored are fine (other platforms of an
 * index). A document that cannot be read stops the walk with its error: what it needs is unknown, so nothing may go.
 * @throws {StoreError} "store/corrupt"; {ImageError} for a document that is no longer understood.
 */
export function findReachable(files: Files, roots: readonly Root[]): Reachable {
  const reachable: Reachable = { blobs: new Set(), diffIds: new Set() };
  for (const root of roots) visit(files, reachable, root, 0);
  return reachable;
}

function visit(files: Files, reachable: Reachable, root: Root, depth: number): void {
  if (depth > MAX_INDEX_DEPTH || reachable.blobs.has(root.digest)) return;
  reachable.blobs.add(root.digest);
  if (!files.has(blobPath(root.digest))) return;
  const mediaType = root.mediaType ?? peekMediaType(files, root.digest);
  if (isIndexMediaType(mediaType)) {
    const index = parseIndex(readBlob(files, root.digest, MAX_DOCUMENT_BYTES), mediaType);
    for (const child of index.manifests) visit(files, reachable, child, depth + 1);
  } else if (isManifestMediaType(mediaType)) visitManifest(files, reachable, root.digest, mediaType);
}

function visitManifest(files: Files, reachable: Reachable, digest: Digest, mediaType: string): void {
  const manifest = parseManifest(readBlob(files, digest, MAX_DOCUMENT_BYTES), mediaType);
  for (const blob of [manifest.config, ...manifest.layers]) reachable.blobs.add(blob.digest);
  if (!isConfigMediaType(manifest.config.mediaType) || !files.has(blobPath(manifest.config.digest))) return;
  const config = parseConfig(readBlob(files, manifest.config.digest, MAX_DOCUMENT_BYTES), manifest.config.mediaType);
  for (const diffId of config.diffIds) reachable.diffIds.add(diffId);
}

function peekMediaType(files: Files, digest: Digest): string {
  const text = new TextDecoder().decode(readBlob(files, digest, MAX_DOCUMENT_BYTES));
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed !== "object" || parsed === null) return "";
  if ("mediaType" in parsed && typeof parsed.mediaType === "string") return parsed.mediaType;
  const guess = "manifests" in parsed ? "index" : "manifest";
  return `application/vnd.oci.image.${guess}.v1+json`;
}
