import { hostPlatform, parsePlatform } from "../image/platform.ts";
import { formatImageArgument } from "../image/reference.ts";
import { plainLayersSource } from "../transport/archive/plain-layers-source.ts";
import { copyImage } from "../transport/copy-image.ts";
import { REF_NAME } from "../transport/layout/layout-index.ts";
import type { EngineContext } from "./context.ts";
import type { ConvertedImage, ConvertImageInput } from "./conversion.ts";
import { copyImages, openDestination } from "./copy-images.ts";
import { UseCaseError } from "./errors.ts";
import { openCopySource } from "./open-copy-source.ts";
import { parseUserImage } from "./registries-conf.ts";
import { writeAci } from "./write-aci.ts";

interface ConvertOptions {
  readonly signal?: AbortSignal;
}

/**
 * `image convert`: any image as OCI layout or archive, Docker archive, or App Container Image. Nothing depends on the
 * time, the place, or the machine. Signatures are neither asked for nor carried over: the result is another image.
 * @throws {UseCaseError} "engine/bad-input"; {ImageError}; {TransportError}; {StoreError}
 */
export async function convertImage(
  ctx: EngineContext,
  input: ConvertImageInput,
  options: ConvertOptions = {},
): Promise<ConvertedImage> {
  const to = parseUserImage(ctx, input.destination);
  if (to.kind !== "aci" && (input.name !== undefined || input.flatten)) {
    throw badInput(`"${input.destination}"`, "--name and --flatten are for App Container Images", "write to aci:FILE");
  }
  const platform = input.platform === undefined ? hostPlatform(process.arch) : parsePlatform(input.platform);
  switch (to.kind) {
    case "aci": {
      const name = input.name ?? to.ref;
      const { flatten, source: image } = input;
      const written = await writeAci(
        ctx,
        { image, path: to.path, flatten, platform, ...(name === undefined ? {} : { name }) },
        options,
      );
      return { image, ...written, imageId: written.imageId.replace(":", "-") };
    }
    case "docker-archive":
      return await toDocker(ctx, input, options);
    case "oci-layout":
    case "oci-archive":
      return await toOci(ctx, input, options);
    default: {
      const target = formatImageArgument(to);
      throw badInput(
        `"${target}"`,
        "it is no file or layout",
        "write to oci:DIR, oci-archive:FILE, docker-archive:FILE or aci:FILE",
      );
    }
  }
}

async function toDocker(
  ctx: EngineContext,
  input: ConvertImageInput,
  options: ConvertOptions,
): Promise<ConvertedImage> {
  const platforms = input.platform === undefined ? [] : [input.platform];
  const [copied] = await copyImages(
    ctx,
    { images: [input.source], destination: input.destination, platforms },
    options,
  );
  if (copied === undefined) throw badInput(`"${input.source}"`, "it holds no image", "name another one");
  return { image: copied.image, digest: copied.digest, placedAt: copied.placedAt };
}

async function toOci(ctx: EngineContext, input: ConvertImageInput, options: ConvertOptions): Promise<ConvertedImage> {
  const wanted = input.platform === undefined ? [] : [parsePlatform(input.platform)];
  const [platform = hostPlatform(process.arch)] = wanted;
  const from = await openCopySource(ctx, { image: input.source, platform }, options);
  const isDocker = from.source.policyTransport === "docker-archive";
  ctx.root.ensureDir("tmp", 0o700);
  await using source = isDocker ? await plainLayersSource({ temp: ctx.root }, from.source, options) : from.source;
  const descriptor = await source.resolve(options);
  const name = from.name ?? descriptor.annotations[REF_NAME];
  const named = { ...from, ...(name === undefined ? {} : { name }) };
  const { sink, finish } = await openDestination(ctx, { destination: input.destination, from: named }, options);
  await using held = sink;
  const choice = wanted.length === 0 ? ({ kind: "all" } as const) : ({ kind: "some", platforms: wanted } as const);
  const { progress } = ctx.options;
  const { top } = await copyImage({ source, sink: held, descriptor, choice, progress }, options);
  finish();
  return { image: input.source, digest: top.digest, placedAt: held.place };
}

function badInput(what: string, state: string, hint: string): UseCaseError {
  return new UseCaseError("engine/bad-input", `Cannot convert to ${what}: ${state}`, { hint });
}
