import { MAX_DOCUMENT_BYTES } from "../image/decode-document.ts";
import type { Descriptor } from "../image/descriptor.ts";
import type { ImageConfig, ImageManifest } from "../image/image-config.ts";
import { isConfigMediaType, isIndexMediaType } from "../image/media-types.ts";
import { parseConfig } from "../image/parse-config.ts";
import { parseIndex } from "../image/parse-index.ts";
import { parseManifest } from "../image/parse-manifest.ts";
import { formatPlatform, hostPlatform, parsePlatform } from "../image/platform.ts";
import { choosePlatformManifest } from "../transport/choose-platform-manifest.ts";
import type { EngineContext } from "./context.ts";
import type { InspectedImage, InspectInput } from "./image-calls.ts";
import { openCopySource } from "./open-copy-source.ts";

interface InspectOptions {
  readonly signal?: AbortSignal;
}

/**
 * `image inspect`: what an image says of itself, wherever it is; nothing is stored and nothing verified but digests.
 * `document` gives the bytes of the top document, the manifest or the configuration as they are.
 * @throws {StoreError}; {TransportError}; {ImageError}
 */
export async function inspectImage(
  ctx: EngineContext,
  input: InspectInput,
  options: InspectOptions = {},
): Promise<InspectedImage> {
  const platform = input.platform === undefined ? hostPlatform(process.arch) : parsePlatform(input.platform);
  const from = await openCopySource(ctx, { image: input.image, platform }, options);
  await using source = from.source;
  const top = await source.resolve(options);
  const read = (descriptor: Descriptor) => source.readDocument(descriptor, MAX_DOCUMENT_BYTES, options);
  const topRaw = await read(top);
  const isIndex = isIndexMediaType(top.mediaType);
  if (input.document === "raw" && (!isIndex || input.platform === undefined)) return { document: topRaw };
  const descriptor = await choosePlatformManifest(source, { descriptor: top, platform }, options);
  const manifestRaw = isIndex ? await read(descriptor) : topRaw;
  if (input.document === "raw") return { document: manifestRaw };
  const manifest = parseManifest(manifestRaw, descriptor.mediaType);
  const configRaw = await read(manifest.config);
  if (input.document === "config") return { document: configRaw };
  const config = isConfigMediaType(manifest.config.mediaType)
    ? parseConfig(configRaw, manifest.config.mediaType)
    : undefined;
  const platforms = isIndex ? parseIndex(topRaw, top.mediaType).manifests.map(describePart) : [];
  return {
    summary: { place: source.place, ...summarise(manifest, config), platforms, ...nameOf(from.name, top, isIndex) },
  };
}

function nameOf(name: string | undefined, top: Descriptor, isIndex: boolean) {
  return { ...(name === undefined ? {} : { name }), ...(isIndex ? { indexDigest: top.digest } : {}) };
}

function describePart(entry: Descriptor): { readonly platform: string; readonly digest: string } {
  return { platform: entry.platform === undefined ? "unknown" : formatPlatform(entry.platform), digest: entry.digest };
}

function summarise(manifest: ImageManifest, config: ImageConfig | undefined) {
  const { digest, mediaType, layers, annotations } = manifest;
  return {
    digest,
    mediaType,
    configDigest: manifest.config.digest,
    sizeBytes: manifest.raw.byteLength + [manifest.config, ...layers].reduce((sum, blob) => sum + blob.sizeBytes, 0),
    layers: layers.map((layer, i) => ({
      digest: layer.digest,
      mediaType: layer.mediaType,
      sizeBytes: layer.sizeBytes,
      ...(config?.diffIds[i] === undefined ? {} : { diffId: config.diffIds[i] }),
    })),
    annotations,
    ...(manifest.artifactType === undefined ? {} : { artifactType: manifest.artifactType }),
    ...(config === undefined ? {} : { platform: formatPlatform(config.platform), config: runSettings(config) }),
  };
}

function runSettings(config: ImageConfig) {
  const { platform: _platform, diffIds: _diffIds, exposedPorts, ...settings } = config;
  return { ...settings, exposedPorts: exposedPorts.map(({ port, protocol }) => `${port}/${protocol}`) };
}
