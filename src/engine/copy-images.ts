import { resolve } from "node:path";
import type { Descriptor } from "../image/descriptor.ts";
import { formatImageName, type ImageName } from "../image/image-name.ts";
import { hostPlatform, parsePlatform } from "../image/platform.ts";
import { formatImageArgument, type ImageArgument, parseImageArgument } from "../image/reference.ts";
import { openFiles } from "../sys/linux/files.ts";
import { createUserFile } from "../sys/user-file.ts";
import { DockerArchiveWriter } from "../transport/archive/docker-archive-writer.ts";
import { createOciArchive } from "../transport/archive/open-oci-archive-sink.ts";
import { choosePlatformManifest } from "../transport/choose-platform-manifest.ts";
import { type CopyReport, copyImage, type PlatformChoice } from "../transport/copy-image.ts";
import type { ImageSink } from "../transport/image-sink.ts";
import { REF_NAME } from "../transport/layout/layout-index.ts";
import { openLayoutSink } from "../transport/layout/open-layout-sink.ts";
import { openRegistrySink } from "../transport/registry/open-registry-sink.ts";
import type { EngineContext } from "./context.ts";
import type { CopiedImage, CopyImagesInput } from "./engine-calls.ts";
import { UseCaseError } from "./errors.ts";
import { type CopySource, openCopySource } from "./open-copy-source.ts";
import { reachForWriting } from "./open-registry.ts";
import { parseUserImage } from "./registries-conf.ts";

interface CopyOptions {
  readonly signal?: AbortSignal;
}

/** Those formats have no place for signatures inside. */
const NO_SIGNATURES = { signatures: 0, signaturesLeftOut: 0 } as const;

type Destination = Exclude<ImageArgument, { readonly kind: "stored" | "url" }>;

/**
 * `push` and `image export`: copies images from the store or any other place to a registry, layout or archive. An archive
 * appears when all images are in it; a registry or layout names each image when it is whole.
 * @throws {UseCaseError} "engine/bad-input"; {StoreError}; {TransportError}; {ImageError}
 */
export async function copyImages(
  ctx: EngineContext,
  input: CopyImagesInput,
  options: CopyOptions = {},
): Promise<readonly CopiedImage[]> {
  const to = parseDestination(ctx, input);
  const choice = choiceOf(input.platforms);
  if (to.kind === "docker-archive") return await toDockerArchive(ctx, { input, path: to.path, ref: to.ref }, options);
  if (to.kind === "aci") return await toAci(ctx, { input, path: to.path, ref: to.ref }, options);
  if (to.kind === "oci-archive") return await toOciArchive(ctx, { input, path: to.path, ref: to.ref, choice }, options);
  const copied: CopiedImage[] = [];
  for (const image of input.images) {
    const from = await openSource(ctx, { image, input }, options);
    await using source = from.source;
    await using sink = await openSink(ctx, { to, from, isOnly: input.images.length === 1 }, options);
    const descriptor = await source.resolve(options);
    const { progress } = ctx.options;
    const withoutSignatures = input.withoutSignatures === true;
    const report = await copyImage({ source, sink, descriptor, choice, progress, withoutSignatures }, options);
    copied.push(summarise(image, sink.place, report));
  }
  return copied;
}

function parseDestination(ctx: EngineContext, input: CopyImagesInput): Destination {
  const argument = parseUserImage(ctx, input.destination);
  const state = refusal(argument, input.images.length);
  if (state !== undefined) {
    throw new UseCaseError("engine/bad-input", `Cannot write to "${formatImageArgument(argument)}": ${state}`, {
      hint: "write to docker://HOST/NAME:TAG, oci:DIR[:REF], oci-archive:FILE[:REF], docker-archive:FILE[:REF] or aci:FILE[:NAME]",
    });
  }
  return argument as Destination;
}

function refusal(argument: ImageArgument, count: number): string | undefined {
  if (argument.kind === "stored" || argument.kind === "url") return "images cannot be written there";
  if (argument.kind === "file") return "it does not say in which format";
  const hasOneName = argument.kind === "name" || argument.kind === "docker" || argument.ref !== undefined;
  return count > 1 && hasOneName ? "it is the name of one image, but several are given" : undefined;
}

function choiceOf(platforms: readonly string[]): PlatformChoice {
  return platforms.length === 0 ? { kind: "all" } : { kind: "some", platforms: platforms.map(parsePlatform) };
}

async function openSource(
  ctx: EngineContext,
  { image, input }: { readonly image: string; readonly input: CopyImagesInput },
  options: CopyOptions,
): Promise<CopySource> {
  const [first] = input.platforms;
  const platform = first === undefined ? hostPlatform(process.arch) : parsePlatform(first);
  return await openCopySource(ctx, { image, platform }, options);
}

/** Opens a place outside the store for one image. @throws {UseCaseError} "engine/bad-input" */
export async function openDestination(
  ctx: EngineContext,
  { destination, from }: { readonly destination: string; readonly from: CopySource },
  options: CopyOptions,
): Promise<{ readonly sink: ImageSink; finish(): void }> {
  const to = parseDestination(ctx, { images: [""], destination, platforms: [] });
  if (to.kind === "docker-archive" || to.kind === "aci") throw onlyOne();
  if (to.kind !== "oci-archive") return { sink: await openSink(ctx, { to, from, isOnly: true }, options), finish() {} };
  const file = resolve(to.path);
  const archive = createOciArchive(createUserFile(file), file);
  const sink = archive.sink(to.ref ?? from.name);
  return {
    sink: { ...sink, [Symbol.asyncDispose]: () => archive[Symbol.asyncDispose]() },
    finish: () => archive.finish(),
  };
}

async function openSink(
  ctx: EngineContext,
  { to, from, isOnly }: { readonly to: Destination; readonly from: CopySource; readonly isOnly: boolean },
  options: CopyOptions,
): Promise<ImageSink> {
  if (to.kind === "name" || to.kind === "docker") return await openRepository(ctx, { name: to.name, from }, options);
  const ref = (isOnly && to.kind === "oci-layout" ? to.ref : undefined) ?? from.name;
  return openLayoutSink(openFiles(resolve(to.path)), ref === undefined ? {} : { ref });
}

async function openRepository(
  ctx: EngineContext,
  { name, from }: { readonly name: ImageName; readonly from: CopySource },
  options: CopyOptions,
): Promise<ImageSink> {
  const { repository } = from;
  const { host, image } = await reachForWriting(ctx, name, options);
  const mountFrom = repository?.host === name.host ? [repository.path] : knownRepositories(ctx, name.host);
  return openRegistrySink(host, { ...image, mountFrom });
}

/** Repositories of that registry that images of the store came from or were named after: they may hold the same layers. */
function knownRepositories(ctx: EngineContext, host: string): readonly string[] {
  const names = ctx.images.listRefs().map((ref) => ref.name);
  const paths = names
    .filter((name) => name.startsWith(`${host}/`))
    .map((name) => name.slice(host.length + 1).replace(/[:@].*$/, ""));
  return [...new Set(paths)];
}

interface ArchiveInput {
  readonly input: CopyImagesInput;
  readonly path: string;
  readonly ref: string | undefined;
}

async function toOciArchive(
  ctx: EngineContext,
  { input, path, ref, choice }: ArchiveInput & { readonly choice: PlatformChoice },
  options: CopyOptions,
): Promise<readonly CopiedImage[]> {
  const file = resolve(path);
  await using archive = createOciArchive(createUserFile(file), file);
  const copied: CopiedImage[] = [];
  for (const image of input.images) {
    const from = await openSource(ctx, { image, input }, options);
    await using source = from.source;
    await using sink = archive.sink(ref ?? from.name);
    const descriptor = await source.resolve(options);
    const { progress } = ctx.options;
    const withoutSignatures = input.withoutSignatures === true;
    const report = await copyImage({ source, sink, descriptor, choice, progress, withoutSignatures }, options);
    copied.push(summarise(image, sink.place, report));
  }
  archive.finish();
  return copied;
}

async function toAci(
  ctx: EngineContext,
  { input, path, ref }: ArchiveInput,
  options: CopyOptions,
): Promise<readonly CopiedImage[]> {
  const [image = "", ...others] = input.images;
  const [platform, ...more] = input.platforms;
  if (others.length + more.length > 0) throw onlyOne();
  const { writeAci } = await import("./write-aci.ts");
  const wanted = platform === undefined ? hostPlatform(process.arch) : parsePlatform(platform);
  const name = ref === undefined ? {} : { name: ref };
  const { digest, placedAt } = await writeAci(ctx, { image, path, flatten: false, platform: wanted, ...name }, options);
  return [{ image, digest, placedAt, written: 1, mounted: 0, present: 0, ...NO_SIGNATURES }];
}

async function toDockerArchive(
  ctx: EngineContext,
  { input, path, ref }: ArchiveInput,
  options: CopyOptions,
): Promise<readonly CopiedImage[]> {
  const [first, ...others] = input.platforms;
  if (others.length > 0) {
    throw onlyOne();
  }
  const platform = first === undefined ? hostPlatform(process.arch) : parsePlatform(first);
  using file = createUserFile(resolve(path));
  const writer = new DockerArchiveWriter({ temp: ctx.root, progress: ctx.options.progress }, file);
  const copied: CopiedImage[] = [];
  for (const image of input.images) {
    const from = await openSource(ctx, { image, input }, options);
    await using source = from.source;
    const top = await source.resolve(options);
    const manifest = await choosePlatformManifest(source, { descriptor: top, platform }, options);
    const tag = ref === undefined ? (from.name ?? taggedName(top)) : wholeTag(ref);
    await writer.add({ source, manifest, tags: tag === undefined ? [] : [tag] }, options);
    copied.push({
      image,
      digest: manifest.digest,
      placedAt: `archive ${resolve(path)}`,
      written: 0,
      mounted: 0,
      present: 0,
      ...NO_SIGNATURES,
    });
  }
  writer.finish();
  return copied;
}

/** The name an image has where it comes from, when that is one Docker could load it under. */
function taggedName(top: Descriptor): string | undefined {
  const name = top.annotations[REF_NAME];
  return name?.includes(":") === true ? name : undefined;
}

function onlyOne(): UseCaseError {
  return new UseCaseError("engine/bad-input", "Cannot write this kind of archive: it holds one platform of an image", {
    hint: "choose one with --platform, or write an oci-archive; gantry image export turns that into a docker-archive",
  });
}

/** Docker reads only whole names back: what has no host is completed as its users would type it. */
function wholeTag(ref: string): string {
  const argument = parseImageArgument(`docker://${ref}`);
  if (argument.kind !== "docker") return ref;
  const { name } = argument;
  return formatImageName({ ...name, labels: {}, tag: name.tag ?? "latest" }).replace(/^docker\.io\/(library\/)?/, "");
}

function summarise(image: string, placedAt: string, report: CopyReport): CopiedImage {
  const { top, written, mounted, present, signatures, signaturesLeftOut } = report;
  return { image, digest: top.digest, placedAt, written, mounted, present, signatures, signaturesLeftOut };
}
