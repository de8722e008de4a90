import { MAX_DOCUMENT_BYTES } from "../image/decode-document.ts";
import type { Descriptor } from "../image/descriptor.ts";
import { isIndexMediaType } from "../image/media-types.ts";
import { parseConfig } from "../image/parse-config.ts";
import { parseIndex } from "../image/parse-index.ts";
import { parseManifest } from "../image/parse-manifest.ts";
import { formatPlatform, hostPlatform } from "../image/platform.ts";
import { checkStream } from "../transport/check-stream.ts";
import { copyImage } from "../transport/copy-image.ts";
import type { ImageSink } from "../transport/image-sink.ts";
import { placeBuilt } from "./build/place-built.ts";
import { putIndex } from "./build-image.ts";
import type { EngineContext } from "./context.ts";
import type { BuiltImageSummary } from "./engine-calls.ts";
import { UseCaseError } from "./errors.ts";
import { openCopySource } from "./open-copy-source.ts";

/** What `image index` puts together. */
export interface AssembleInput {
  readonly images: readonly string[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly destination: string;
}

/**
 * `image index`: one index over images for different platforms, from the store or anywhere else; each says itself what
 * platform it is for, and indexes give all their images. Manifests keep their bytes.
 * @throws {UseCaseError} "engine/bad-input" when two are for the same platform; {TransportError}; {ImageError}
 */
export async function assembleIndex(
  ctx: EngineContext,
  input: AssembleInput,
  options: { readonly signal?: AbortSignal } = {},
): Promise<BuiltImageSummary> {
  using _import = await ctx.images.lockImport(options);
  const parts = new Map<string, Descriptor>();
  for (const image of input.images) {
    for (const part of await importImages(ctx, image, options)) {
      const platform = formatPlatform(part.platform ?? hostPlatform(process.arch));
      const other = parts.get(platform);
      if (other !== undefined && other.digest !== part.digest) throw sameTwice(image, platform);
      parts.set(platform, part);
    }
  }
  const top = await putIndex(ctx, [...parts.values()], input.annotations);
  const placedAt = await placeBuilt(ctx, { top, destination: input.destination }, options);
  const images = [...parts].map(([platform, { digest }]) => ({ platform, digest }));
  return { digest: top.digest, placedAt, images };
}

/** Brings an image, or all images of an index, into the store, without a name. */
async function importImages(
  ctx: EngineContext,
  image: string,
  options: { readonly signal?: AbortSignal },
): Promise<readonly Descriptor[]> {
  const from = await openCopySource(ctx, { image, platform: hostPlatform(process.arch) }, options);
  await using source = from.source;
  await using sink = storeSink(ctx);
  const descriptor = await source.resolve(options);
  const { progress } = ctx.options;
  const report = await copyImage({ source, sink, descriptor, choice: { kind: "all" }, progress }, options);
  const manifests = report.documents.filter((document) => !isIndexMediaType(document.descriptor.mediaType));
  const indexes = report.documents.filter((document) => isIndexMediaType(document.descriptor.mediaType));
  const known = indexes.flatMap(({ raw, descriptor: { mediaType } }) => parseIndex(raw, mediaType).manifests);
  return manifests.map(({ raw, descriptor: part }) => {
    const entry = known.find(({ digest }) => digest === part.digest);
    const { config } = parseManifest(raw, part.mediaType);
    const { platform } = parseConfig(ctx.images.readBlob(config, MAX_DOCUMENT_BYTES), config.mediaType);
    return { ...part, platform: entry?.platform ?? platform };
  });
}

function storeSink(ctx: EngineContext): ImageSink {
  return {
    place: "the store",
    parallel: 2,
    ociOnly: false,
    async putBlob(blob, options = {}) {
      if (ctx.images.hasBlob(blob.descriptor.digest)) return "present";
      await ctx.images.putBlob(blob.descriptor, checkStream(blob, options));
      return "written";
    },
    putDocument: ({ descriptor, raw }) => ctx.images.putBlob(descriptor, [raw]),
    async commit() {},
    async [Symbol.asyncDispose]() {},
  };
}

function sameTwice(image: string, platform: string): UseCaseError {
  return new UseCaseError(
    "engine/bad-input",
    `Cannot put "${image}" into the index: another image is for ${platform}, too`,
    {
      hint: "name each platform once",
    },
  );
}
