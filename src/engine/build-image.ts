import { formatTimestamp } from "../base/clock.ts";
import { MAX_DOCUMENT_BYTES } from "../image/decode-document.ts";
import type { Descriptor, Platform } from "../image/descriptor.ts";
import { digestOf } from "../image/digest.ts";
import { editConfig } from "../image/edit-config.ts";
import { encodeIndex, encodeManifest } from "../image/encode-document.ts";
import { OCI_CONFIG, OCI_INDEX, OCI_MANIFEST } from "../image/media-types.ts";
import { parseConfig } from "../image/parse-config.ts";
import { formatPlatform, hostPlatform, parsePlatform } from "../image/platform.ts";
import { toOciDescriptor } from "../image/to-oci-manifest.ts";
import { LowerLayers } from "../store/lower-layers.ts";
import { overlayLowerDirs } from "../store/unpacked-layer.ts";
import { collectFiles } from "./build/collect-files.ts";
import { collectTar } from "./build/collect-tar.ts";
import { LayerPlan } from "./build/layer-plan.ts";
import { parseAddition, parseTarAddition } from "./build/parse-addition.ts";
import { placeBuilt } from "./build/place-built.ts";
import { type WrittenLayer, writeLayer } from "./build/write-layer.ts";
import type { EngineContext } from "./context.ts";
import type { BuildImageInput, BuiltImageSummary } from "./engine-calls.ts";
import { UseCaseError } from "./errors.ts";
import { fetchImage } from "./fetch-image.ts";
import type { ReadyImage } from "./ready-image.ts";
import { parseUserImage } from "./registries-conf.ts";

interface BuildOptions {
  readonly signal?: AbortSignal;
}

/**
 * `image build`: a base image (verified as for running, or nothing) plus one layer of files and tarballs plus changes to
 * the configuration. Reproducible: all times are SOURCE_DATE_EPOCH (the epoch when unset), members are sorted, owners and
 * modes do not come from this machine. Several platforms make an index over the same layer content.
 * @throws {UseCaseError} "engine/bad-input"; {TrustError} for the base; {ImageError}; {TransportError}; {SysError}
 */
export async function buildImage(
  ctx: EngineContext,
  input: BuildImageInput,
  options: BuildOptions = {},
): Promise<BuiltImageSummary> {
  const seconds = readEpoch(ctx);
  const [additions, tars] = [input.add.map(parseAddition), input.addTar.map(parseTarAddition)];
  parseUserImage(ctx, input.destination); // a mistake in it should not show up after the work
  const platforms = input.platforms.length === 0 ? [hostPlatform(process.arch)] : input.platforms.map(parsePlatform);
  using _import = await ctx.images.lockImport(options);
  using spoolFile = ctx.root.createTemp();
  const spool = { file: spoolFile, sizeBytes: 0 };
  const plan = new LayerPlan();
  for (const tar of tars) await collectTar(plan, tar, { temp: ctx.root, spool });
  for (const addition of additions) collectFiles(plan, addition);
  const built: Descriptor[] = [];
  // This host's platform last: a name fetched for several platforms means the last of them afterwards.
  const isHost = (platform: Platform) => formatPlatform(platform) === formatPlatform(hostPlatform(process.arch));
  for (const platform of platforms.toSorted((a, b) => Number(isHost(a)) - Number(isHost(b)))) {
    const { from } = input;
    const base =
      from === undefined
        ? undefined
        : await fetchImage(ctx, { image: from, platform: formatPlatform(platform), pullPolicy: "new" }, options);
    built.push(await buildOne(ctx, { input, base, plan, platform, seconds }));
  }
  const order = platforms.map(formatPlatform);
  const parts = built.toSorted((a, b) => order.indexOf(nameOf(a)) - order.indexOf(nameOf(b)));
  const [first] = parts;
  const top = parts.length === 1 && first !== undefined ? first : await putIndex(ctx, parts, input.annotations);
  const { platform: _, ...plain } = top;
  const placedAt = await placeBuilt(ctx, { top: plain, destination: input.destination }, options);
  const images = parts.map((part) => ({ platform: nameOf(part), digest: part.digest }));
  return { digest: top.digest, placedAt, images };
}

/** The index over images whose blobs are in the store already. */
export async function putIndex(
  ctx: EngineContext,
  parts: readonly Descriptor[],
  annotations: Readonly<Record<string, string>>,
): Promise<Descriptor> {
  return await putDocument(ctx, OCI_INDEX, encodeIndex({ manifests: parts, annotations }));
}

function nameOf(descriptor: Descriptor): string {
  return descriptor.platform === undefined ? "" : formatPlatform(descriptor.platform);
}

interface OneImage {
  readonly input: BuildImageInput;
  readonly base: ReadyImage | undefined;
  readonly plan: LayerPlan;
  readonly platform: Platform;
  readonly seconds: number;
}

async function buildOne(ctx: EngineContext, one: OneImage): Promise<Descriptor> {
  const { input, base, platform, seconds } = one;
  const layer = await addLayer(ctx, one);
  const configRaw = editConfig({
    base: base === undefined ? undefined : ctx.images.readBlob(base.manifest.config, MAX_DOCUMENT_BYTES),
    platform: base?.config.platform ?? platform,
    edits: input.edits,
    layers: layer === undefined ? [] : [{ diffId: layer.diffId, createdBy: "gantry image build" }],
    createdAt: formatTimestamp(seconds * 1000).replace(/\.000Z$/, "Z"),
  });
  parseConfig(configRaw, OCI_CONFIG); // what we could not run ourselves is not handed out
  const config = await putDocument(ctx, OCI_CONFIG, configRaw);
  const layers = [
    ...(base?.manifest.layers.map(toOciDescriptor) ?? []),
    ...(layer === undefined ? [] : [layer.descriptor]),
  ];
  const origin: Record<string, string> =
    base === undefined
      ? {}
      : {
          "org.opencontainers.image.base.name": base.name,
          "org.opencontainers.image.base.digest": base.manifest.digest,
        };
  const raw = encodeManifest({ config, layers, annotations: { ...origin, ...input.annotations } });
  return { ...(await putDocument(ctx, OCI_MANIFEST, raw)), platform: base?.config.platform ?? platform };
}

async function addLayer(
  ctx: EngineContext,
  { input, base, plan, seconds }: OneImage,
): Promise<WrittenLayer | undefined> {
  if (plan.isEmpty) return undefined;
  using lower = new LowerLayers(overlayLowerDirs(base?.layers ?? []));
  const members = plan.sorted((names) => lower.find(names) !== undefined);
  return await writeLayer(ctx.root, members, { seconds, compression: input.compression });
}

async function putDocument(ctx: EngineContext, mediaType: string, raw: Uint8Array): Promise<Descriptor> {
  const descriptor = { mediaType, digest: digestOf(raw), sizeBytes: raw.byteLength, annotations: {} };
  await ctx.images.putBlob(descriptor, [raw]);
  return descriptor;
}

/** Seconds that every time in the image becomes. Spec: reproducible-builds.org, SOURCE_DATE_EPOCH 1.1. */
function readEpoch(ctx: EngineContext): number {
  const text = ctx.env["SOURCE_DATE_EPOCH"];
  if (text === undefined || text === "") return 0;
  if (/^\d{1,11}$/.test(text)) return Number(text);
  throw new UseCaseError(
    "engine/bad-input",
    `Cannot use SOURCE_DATE_EPOCH "${text.slice(0, 40)}": it is not a number of seconds`,
    {
      hint: "set it to seconds since 1970, for example $(git log -1 --format=%ct)",
    },
  );
}
