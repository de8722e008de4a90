import type { Descriptor, Platform } from "../image/descriptor.ts";
import { ImageError } from "../image/errors.ts";
import { isIndexMediaType } from "../image/media-types.ts";
import { MAX_INDEX_DEPTH, parseIndex } from "../image/parse-index.ts";
import { choosePlatform } from "../image/platform.ts";
import type { ImageSource } from "./image-source.ts";

const MAX_INDEX_BYTES = 4 * 1024 * 1024;
const MAX_INDEXES = 32;
const MAX_MANIFESTS = 1000;

/**
 * Walks indexes down to the manifest that suits `platform` best; nested indexes are searched in order. A manifest given
 * directly is returned as it is. Reads at most 32 indexes.
 * @throws {ImageError} "image/no-platform" (lists what there is), "image/index-too-deep" (more than 4 indexes in each
 * other, one that contains itself, or too many); {TransportError} for an unreadable index.
 * Spec: OCI image-spec v1.1.0, image-index.md.
 */
export async function choosePlatformManifest(
  source: ImageSource,
  { descriptor, platform }: { readonly descriptor: Descriptor; readonly platform: Platform },
  options: { readonly signal?: AbortSignal } = {},
): Promise<Descriptor> {
  if (!isIndexMediaType(descriptor.mediaType)) return descriptor;
  const walked: Walked = { manifests: [], indexes: 0 };
  await walk(source, { descriptor, above: [], walked }, options);
  return choosePlatform(walked.manifests, platform);
}

interface Walked {
  readonly manifests: Descriptor[];
  indexes: number;
}

async function walk(
  source: ImageSource,
  {
    descriptor,
    above,
    walked,
  }: { readonly descriptor: Descriptor; readonly above: readonly string[]; readonly walked: Walked },
  options: { readonly signal?: AbortSignal },
): Promise<void> {
  walked.indexes++;
  if (above.length >= MAX_INDEX_DEPTH || above.includes(descriptor.digest))
    throw tooDeep(descriptor, `nested more than ${MAX_INDEX_DEPTH} deep`);
  if (walked.indexes > MAX_INDEXES) throw tooDeep(descriptor, `part of more than ${MAX_INDEXES} indexes`);
  const raw = await source.readDocument(descriptor, MAX_INDEX_BYTES, options);
  for (const entry of parseIndex(raw, descriptor.mediaType).manifests) {
    if (isIndexMediaType(entry.mediaType))
      await walk(source, { descriptor: entry, above: [...above, descriptor.digest], walked }, options);
    else walked.manifests.push(entry);
    if (walked.manifests.length > MAX_MANIFESTS)
      throw tooDeep(descriptor, `part of a list of more than ${MAX_MANIFESTS} manifests`);
  }
}

function tooDeep(descriptor: Descriptor, state: string): ImageError {
  return new ImageError("image/index-too-deep", `Cannot read index "${descriptor.digest}": ${state}`, {
    hint: "ask the publisher for a flat index",
  });
}
