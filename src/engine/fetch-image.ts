import { assertLayersMatch } from "../image/assert-layers-match.ts";
import { MAX_DOCUMENT_BYTES } from "../image/decode-document.ts";
import type { Descriptor, Platform } from "../image/descriptor.ts";
import type { ImageConfig, ImageManifest } from "../image/image-config.ts";
import { parseConfig } from "../image/parse-config.ts";
import { parseManifest } from "../image/parse-manifest.ts";
import { hostPlatform, parsePlatform } from "../image/platform.ts";
import type { UnpackedLayer } from "../store/unpacked-layer.ts";
import { choosePlatformManifest } from "../transport/choose-platform-manifest.ts";
import type { ImageSource } from "../transport/image-source.ts";
import { TrustError } from "../trust/errors.ts";
import { type VerificationRecord, writeRecord } from "../trust/records.ts";
import type { DependencyTrail } from "./aci-dependencies.ts";
import type { EngineContext } from "./context.ts";
import { downloadBlobs } from "./download-blobs.ts";
import { ensureLayers } from "./ensure-layers.ts";
import { type LocatedImage, locateImage, type NamedArgument } from "./locate-image.ts";
import { assertAciNamed } from "./name-aci.ts";
import { openImageSource } from "./open-image-source.ts";
import { recheckImage } from "./recheck-image.ts";
import { parseUserImage } from "./registries-conf.ts";
import { reportRefusal, verifyRemote } from "./verify-remote.ts";

/** An image that is here, verified and unpacked. */
export interface ReadyImage {
  /** Full name it is stored under. */
  readonly name: string;
  /** Name without tag, as trust knows it. */
  readonly trustName: string;
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
  readonly layers: readonly UnpackedLayer[];
  readonly record: VerificationRecord;
  readonly isCached: boolean;
  readonly sizeBytes: number;
}

/** What to fetch. */
export interface FetchInput {
  readonly image: string;
  readonly platform?: string;
  readonly pullPolicy: "new" | "update" | "never";
  /** The images this one is a dependency of. */
  readonly within?: DependencyTrail;
}

interface FetchOptions {
  readonly signal?: AbortSignal;
}

/**
 * Makes an image ready to run: found, verified, downloaded, unpacked. What is in the store is not fetched again (unless
 * the policy says "update"), but it is held against today's keys and policy all the same.
 * @throws {TrustError} any refusal; {TransportError}, {ImageError}, {StoreError}
 */
export async function fetchImage(
  ctx: EngineContext,
  input: FetchInput,
  options: FetchOptions = {},
): Promise<ReadyImage> {
  const platform = input.platform === undefined ? hostPlatform(process.arch) : parsePlatform(input.platform);
  const located = locateImage(ctx, parseUserImage(ctx, input.image), { platform, pullPolicy: input.pullPolicy });
  const stored = located.stored === undefined ? undefined : await useStored(ctx, located, options);
  if (stored !== undefined) return stored;
  if (located.argument === undefined)
    throw new TrustError("trust/no-record", `Cannot use image "${input.image}": never verified`, {
      hint: "fetch it by its name: gantry fetch NAME",
    });
  return await fetchRemote(
    ctx,
    { name: located.name, trustName: located.trustName, argument: located.argument, platform, input },
    options,
  );
}

// undefined: the stored copy has no standing today, but asking its source again may give it one (a signature added since).
async function useStored(
  ctx: EngineContext,
  located: LocatedImage,
  options: FetchOptions,
): Promise<ReadyImage | undefined> {
  const { stored, name, trustName } = located;
  if (stored === undefined) return undefined;
  const raw = ctx.images.readBlob(stored, MAX_DOCUMENT_BYTES);
  const manifest = parseManifest(raw, stored.mediaType);
  const config = readStoredConfig(ctx, manifest);
  let record: VerificationRecord;
  try {
    record = await recheckImage(ctx, { trustName, manifest });
  } catch (reason) {
    if (!(reason instanceof TrustError) || located.argument === undefined || !RETRIABLE.has(reason.code))
      throw reportRefusal(ctx, { name, digest: stored.digest }, reason);
    return undefined;
  }
  const layers = await ensureLayers(ctx, { manifest, config }, options);
  return { name, trustName, manifest, config, layers, record, isCached: true, sizeBytes: sizeOf(manifest) };
}

/** Refusals that new signatures at the source could lift. */
const RETRIABLE: ReadonlySet<string> = new Set([
  "trust/no-record",
  "trust/unsigned",
  "trust/unknown-key",
  "trust/wrong-prefix",
]);

function readStoredConfig(ctx: EngineContext, manifest: ImageManifest): ImageConfig {
  return parseConfig(ctx.images.readBlob(manifest.config, MAX_DOCUMENT_BYTES), manifest.config.mediaType);
}

interface RemoteImage {
  readonly name: string;
  readonly trustName: string;
  readonly argument: NamedArgument;
  readonly platform: Platform;
  readonly input: FetchInput;
}

async function fetchRemote(ctx: EngineContext, image: RemoteImage, options: FetchOptions): Promise<ReadyImage> {
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
  assertLayersMatch(manifest, config);
  await downloadBlobs(ctx, { source, blobs: manifest.layers }, options);
  const layers = await ensureLayers(ctx, { manifest, config }, options);
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
  const sizeBytes = sizeOf(manifest);
  ctx.events.report({
    type: "image.fetched",
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
  options: FetchOptions,
): Promise<ImageManifest> {
  if (source.aci === undefined) return offered;
  await downloadBlobs(ctx, { source, blobs: [source.aci.archive] }, options);
  const { resolveAci } = await import("./resolve-aci.ts");
  return await resolveAci(ctx, { aci: source.aci, manifest: offered, input: image.input }, (input) =>
    fetchImage(ctx, input, options),
  );
}

function sizeOf(manifest: ImageManifest): number {
  return manifest.raw.byteLength + [manifest.config, ...manifest.layers].reduce((sum, blob) => sum + blob.sizeBytes, 0);
}
