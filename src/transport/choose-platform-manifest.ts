import type { Descriptor, Platform } from "../image/descriptor.ts";
import { ImageError } from "../image/errors.ts";
import type { ImageSource } from "./image-source.ts";
import { isIndexType } from "./media-types.ts";
import { readIndexEntries } from "./read-descriptors.ts";

const MAX_DEPTH = 4;
const MAX_INDEX_BYTES = 4 * 1024 * 1024;

/**
 * Walks indexes down to the manifest for `platform`: an entry with the same variant wins, then one that names none,
 * then the first that fits; nested indexes are searched in order. A manifest given directly is returned as it is.
 * @throws {ImageError} "image/no-platform" (lists what there is), "image/index-too-deep" (more than 4 indexes in each
 * other, or one that contains itself); {TransportError} for an unreadable index.
 * Spec: OCI image-spec v1.1.0, image-index.md.
 */
export async function choosePlatformManifest(
  source: ImageSource,
  { descriptor, platform }: { readonly descriptor: Descriptor; readonly platform: Platform },
  options: { readonly signal?: AbortSignal } = {},
): Promise<Descriptor> {
  if (!isIndexType(descriptor.mediaType)) return descriptor;
  const leaves: Descriptor[] = [];
  await walk(source, { descriptor, above: [], leaves }, options);
  const chosen = choose(leaves, platform);
  if (chosen !== undefined) return chosen;
  const available = [...new Set(leaves.flatMap((leaf) => (leaf.platform === undefined ? [] : [formatName(leaf.platform)])))];
  throw new ImageError("image/no-platform", `Cannot choose an image for ${formatName(platform)} from ${source.place}: there is none`, {
    hint: available.length === 0 ? "ask for another tag" : `ask for one of these platforms: ${available.slice(0, 20).join(", ")}`,
    data: { available },
  });
}

async function walk(
  source: ImageSource,
  { descriptor, above, leaves }: { readonly descriptor: Descriptor; readonly above: readonly string[]; readonly leaves: Descriptor[] },
  options: { readonly signal?: AbortSignal },
): Promise<void> {
  if (above.length >= MAX_DEPTH || above.includes(descriptor.digest)) {
    throw new ImageError("image/index-too-deep", `Cannot read index ${descriptor.digest}: it is nested more than ${MAX_DEPTH} deep`, {
      hint: "ask the publisher for a flat index",
    });
  }
  const raw = await source.readDocument(descriptor, MAX_INDEX_BYTES, options);
  for (const entry of readIndexEntries(raw, `read index ${descriptor.digest}`)) {
    if (!isIndexType(entry.mediaType)) leaves.push(entry);
    else await walk(source, { descriptor: entry, above: [...above, descriptor.digest], leaves }, options);
    if (leaves.length > 1000) {
      throw new ImageError("image/index-too-deep", `Cannot read index ${descriptor.digest}: it lists more than 1000 manifests`);
    }
  }
}

function choose(leaves: readonly Descriptor[], want: Platform): Descriptor | undefined {
  const only = leaves.length === 1 ? leaves[0] : undefined;
  if (only !== undefined && only.platform === undefined) return only; // an index of one that names no platform
  const fitting = leaves.filter(({ platform }) => platform?.os === want.os && platform.architecture === want.architecture);
  const same = fitting.find(({ platform }) => platform?.variant === want.variant);
  if (same !== undefined) return same;
  return fitting.find(({ platform }) => platform?.variant === undefined) ?? (want.variant === undefined ? fitting[0] : undefined);
}

function formatName({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter((part) => part !== undefined).join("/");
}
