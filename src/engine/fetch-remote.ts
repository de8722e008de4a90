import { MAX_DOCUMENT_BYTES } from "../image/decode-document.ts";
import type { Descriptor, Platform } from "../image/descriptor.ts";
import type { ImageManifest } from "../image/image-config.ts";
import { parseManifest } from "../image/parse-manifest.ts";
import { choosePlatformManifest } from "../transport/choose-platform-manifest.ts";
import type { ImageSource } from "../transport/image-source.ts";
import { writeRecord } from "../trust/records.ts";
import type { EngineContext } from "./context.ts";
import { downloadBlobs } from "./download-blobs.ts";
import { importLayers } from "./import-layers.ts";
import type { NamedArgument } from "./locate-image.ts";
import { assertAciNamed } from "./name-aci.ts";
import { openImageSource } from "./open-image-source.ts";
import { type FetchInput, packedSize, type ReadyImage, readStoredConfig } from "./ready-image.ts";
import { verifyRemote } from "./verify-remote.ts";

/** An image the store lacks, and where it is to be had. */
export interface RemoteImage {
  readonly name: string;
  readonly trustName: string;
  readonly argument: NamedArgument;
  readonly platform: Platform;
  readonly input: FetchInput;
  /** Fetches a dependency as the image itself was. */
  readonly fetchOther: (input: FetchInput) => Promise<ReadyImage>;
}

/**
 * Downloads, verifies and unpacks an image. Loaded only when needed: most runs start what is in the store.
 * @throws {TrustError} any refusal; {TransportError}, {ImageError}, {StoreError}
 */
export async function fetchRemote(
  ctx: EngineContext,
  image: RemoteImage,
  options: { readonly signal?: AbortSignal },
): Promise<ReadyImage> {
  await using source = await openImageSource(ctx, image, options);
  const top = await source.resolve(options);
  const descriptor = await choosePlatformManifest(source, { descriptor: top, platform: image.platform }, options);
  const offered = parseManifest(
    await source.readDocument(descriptor, MAX_DOCUMENT_BYTES, options),
    descriptor.mediaType,
  );
  if (source.aci !== undefined) assertAciNamed(source.aci.manifest, image.argument);
  const verified = await verifyRemote(ctx, { source, image, manifest: offered, top }, options);
  using _import = await ctx.images.lockImport(options);
  await ctx.images.putBlob(descriptor, [offered.raw]);
  await downloadBlobs(ctx, { source, blobs: [offered.config] }, options);
  const manifest = source.aci === undefined ? offered : await importAci(ctx, { source, offered, image }, options);
  const record = { ...verified, manifestDigest: manifest.digest };
  const config = readStoredConfig(ctx, manifest);
  const isRefetchable =
    source.aci === undefined && (image.argument.kind === "name" || image.argument.kind === "docker");
  const layers = await importLayers(ctx, { source, manifest, config, isRefetchable }, options);
  writeRecord(ctx.root, record);
  const stored: Descriptor = {
    mediaType: manifest.mediaType,
    digest: manifest.digest,
    sizeBytes: manifest.raw.byteLength,
    annotations: {},
  };
  await ctx.images.setRef(image.name, {
    descriptor: stored,
    source: source.place,
    ...(top.digest === descriptor.digest ? {} : { indexDigest: top.digest }),
    ...(source.aci === undefined ? {} : { aci: { id: source.aci.imageId, archive: source.aci.archive } }),
  });
  const sizeBytes = packedSize(manifest);
  ctx.events.report({
    type: "path" in image.argument ? "image.imported" : "image.fetched",
    image: { name: image.name, digest: manifest.digest },
    from: source.place,
    sizeBytes,
  });
  return { name: image.name, trustName: image.trustName, manifest, config, layers, record, isCached: false, sizeBytes };
}

/** Keeps the archive as it was published, and puts the dependencies beneath the image's own files. */
async function importAci(
  ctx: EngineContext,
  {
    source,
    offered,
    image,
  }: { readonly source: ImageSource; readonly offered: ImageManifest; readonly image: RemoteImage },
  options: { readonly signal?: AbortSignal },
): Promise<ImageManifest> {
  if (source.aci === undefined) return offered;
  await downloadBlobs(ctx, { source, blobs: [source.aci.archive] }, options);
  const { resolveAci } = await import("./resolve-aci.ts");
  return await resolveAci(ctx, { aci: source.aci, manifest: offered, input: image.input }, image.fetchOther);
}
