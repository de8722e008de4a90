import { discoverName } from "../discovery/discover-name.ts";
import type { Platform } from "../image/descriptor.ts";
import { type ImageName, repositoryOf } from "../image/image-name.ts";
import { type ImageArgument, parseImageArgument } from "../image/reference.ts";
import { openFiles } from "../sys/linux/files.ts";
import { randomFraction } from "../sys/random.ts";
import { openAciSource } from "../transport/aci/open-aci-source.ts";
import { openArchiveSource } from "../transport/archive/open-archive-source.ts";
import type { ArchiveHost, ArchivePlace } from "../transport/archive/read-archive-bytes.ts";
import { TransportError } from "../transport/errors.ts";
import type { ImageSource } from "../transport/image-source.ts";
import { openLayoutSource } from "../transport/layout/open-layout-source.ts";
import { createPacing } from "../transport/pacing.ts";
import type { EngineContext } from "./context.ts";
import { openRegistry } from "./open-registry.ts";

/** Arguments that name something outside the store. */
export type RemoteArgument = Exclude<ImageArgument, { readonly kind: "stored" }>;

interface SourceOptions {
  readonly signal?: AbortSignal;
}

/**
 * Opens the place an image argument means. A name is discovered first; where nothing is announced, its own host is the
 * registry. @throws {TransportError}, {DiscoveryError}, {SysError}
 */
export async function openImageSource(
  ctx: EngineContext,
  input: { readonly argument: RemoteArgument; readonly platform: Platform },
  options: SourceOptions = {},
): Promise<ImageSource> {
  const { argument } = input;
  switch (argument.kind) {
    case "name":
      return await openNamed(ctx, { name: argument.name, platform: input.platform }, options);
    case "docker":
      return await openRegistry(ctx, { name: argument.name }, options);
    case "oci-layout":
      return openLayoutSource(
        openFiles(absolute(argument.path)),
        argument.ref === undefined ? {} : { ref: argument.ref },
      );
    case "aci":
      return await openAci(ctx, { kind: "file", path: absolute(argument.path) }, options);
    case "url":
      return await openPublished(ctx, { kind: "url", url: argument.url }, options);
    case "file":
      return await openPublished(ctx, { kind: "file", path: absolute(argument.path) }, options);
    default:
      return await openArchive(ctx, archiveImage(argument), options);
  }
}

function archiveImage(argument: Extract<RemoteArgument, { readonly kind: "oci-archive" | "docker-archive" }>) {
  const from: ArchivePlace = { kind: "file", path: absolute(argument.path) };
  const format = argument.kind === "oci-archive" ? ("oci" as const) : ("docker" as const);
  return { from, format, ...(argument.ref === undefined ? {} : { ref: argument.ref }) };
}

/** An archive whose name says what it is: App Container Images must be called so. */
async function openPublished(ctx: EngineContext, from: ArchivePlace, options: SourceOptions): Promise<ImageSource> {
  const path = from.kind === "url" ? new URL(from.url).pathname : from.path;
  return path.endsWith(".aci") ? await openAci(ctx, from, options) : await openArchive(ctx, { from }, options);
}

async function openAci(ctx: EngineContext, from: ArchivePlace, options: SourceOptions): Promise<ImageSource> {
  return await openAciSource({ ...archiveHostOf(ctx), programs: ctx.programs }, { from }, options);
}

function archiveHostOf(ctx: EngineContext): ArchiveHost {
  ctx.root.ensureDir("tmp", 0o700);
  return { http: ctx.http(), pacing: createPacing(randomFraction), temp: ctx.root, openDirectory: openFiles };
}

async function openArchive(
  ctx: EngineContext,
  image: Parameters<typeof openArchiveSource>[1],
  options: SourceOptions,
): Promise<ImageSource> {
  return await openArchiveSource(archiveHostOf(ctx), image, options);
}

async function openNamed(
  ctx: EngineContext,
  { name, platform }: { readonly name: ImageName; readonly platform: Platform },
  options: SourceOptions,
): Promise<ImageSource> {
  // A digest or Docker's own host leave nothing to discover.
  if (name.host === "docker.io" || name.digest !== undefined) return await openRegistry(ctx, { name }, options);
  const found = await discoverName(
    { http: ctx.http() },
    {
      name: repositoryOf(name),
      os: name.labels["os"] ?? platform.os,
      arch: name.labels["arch"] ?? platform.architecture,
      labels: name.labels,
      allowHttp: ctx.options.insecureOptions.has("http"),
      ...(name.tag === undefined ? {} : { version: name.tag }),
    },
    options,
  );
  const failures: unknown[] = [];
  for (const endpoint of found.endpoints) {
    try {
      if (endpoint.kind === "archive") return await openPublished(ctx, { kind: "url", url: endpoint.url }, options);
      const argument = parseImageArgument(endpoint.argument);
      if (argument.kind === "docker") return await openRegistry(ctx, { name: argument.name }, options);
    } catch (reason) {
      failures.push(reason);
    }
  }
  // A place that has it, but not in order, says more than one that lacks it.
  const telling = failures.find(
    (reason) => !(reason instanceof TransportError && reason.code === "transport/not-found"),
  );
  if (failures.length > 0) throw telling ?? failures[0];
  return await openRegistry(ctx, { name }, options);
}

function absolute(path: string): string {
  return path.startsWith("/") ? path : `${process.cwd()}/${path}`.replaceAll("/./", "/");
}
