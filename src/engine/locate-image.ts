import { MAX_DOCUMENT_BYTES } from "../image/decode-document.ts";
import type { Descriptor, Platform } from "../image/descriptor.ts";
import { ImageError } from "../image/errors.ts";
import { formatImageName, type ImageName, parseImageName, repositoryOf } from "../image/image-name.ts";
import { isIndexMediaType } from "../image/media-types.ts";
import { parseConfig } from "../image/parse-config.ts";
import { parseIndex } from "../image/parse-index.ts";
import { parseManifest } from "../image/parse-manifest.ts";
import { choosePlatform, matchPlatform } from "../image/platform.ts";
import type { ImageArgument } from "../image/reference.ts";
import { StoreError } from "../store/errors.ts";
import type { EngineContext } from "./context.ts";
import type { RemoteArgument } from "./open-image-source.ts";

/** An argument that can be opened as a source. */
export type NamedArgument = RemoteArgument;

/** Where an image is to be had, and under which name it is known here. */
export interface LocatedImage {
  readonly name: string;
  readonly trustName: string;
  /** Manifest in the store to use instead of asking the source. */
  readonly stored?: Descriptor;
  /** Undefined: only the store has it. */
  readonly argument?: NamedArgument;
}

/** How to look. */
export interface LocateOptions {
  readonly platform: Platform;
  readonly pullPolicy: "new" | "update" | "never";
}

/**
 * Gives an argument its name and looks it up in the store. Images from files have no name of their own that could be
 * believed: theirs comes from what the user typed (`oci-archive:FILE:example.com/app:1`), else it is `localhost/<file>`.
 * @throws {StoreError} "store/not-found" with pull policy "never"
 */
export function locateImage(ctx: EngineContext, argument: ImageArgument, options: LocateOptions): LocatedImage {
  if (argument.kind === "stored") return locateByDigest(ctx, argument.hexPrefix, options.platform);
  const imageName = nameOf(argument);
  const name = formatImageName(imageName);
  const found = { name, trustName: repositoryOf(imageName), argument };
  const isLocalFile = argument.kind !== "name" && argument.kind !== "docker";
  const ref =
    options.pullPolicy === "update" || (isLocalFile && options.pullPolicy !== "never")
      ? undefined
      : ctx.images.getRef(name);
  const stored = ref === undefined ? undefined : choosePart(ctx, ref.descriptor, options.platform);
  if (stored !== undefined && isForPlatform(ctx, stored, options.platform)) return { ...found, stored };
  if (options.pullPolicy === "never") {
    throw new StoreError("store/not-found", `Cannot use image "${name}": not in the store, and fetching is off`, {
      hint: `fetch it: gantry fetch ${name}`,
    });
  }
  return found;
}

function locateByDigest(ctx: EngineContext, hexPrefix: string, platform: Platform): LocatedImage {
  const digest = ctx.images.findImage(hexPrefix);
  const ref = ctx.images.listRefs().find((one) => one.descriptor.digest === digest);
  if (ref === undefined) {
    throw new StoreError("store/not-found", `Cannot use image "${hexPrefix}": it has no name any more`, {
      hint: "fetch it again by its name: gantry fetch NAME",
    });
  }
  const stored = choosePart(ctx, ref.descriptor, platform) ?? ref.descriptor;
  return { name: ref.name, trustName: repositoryOf(parseImageName(ref.name)), stored };
}

// An image built for several platforms is stored as an index: the part for this platform is what is meant.
function choosePart(ctx: EngineContext, descriptor: Descriptor, platform: Platform): Descriptor | undefined {
  if (!isIndexMediaType(descriptor.mediaType)) return descriptor;
  try {
    const index = parseIndex(ctx.images.readBlob(descriptor, MAX_DOCUMENT_BYTES), descriptor.mediaType);
    return choosePlatform(index.manifests, platform);
  } catch (reason) {
    if (reason instanceof StoreError || reason instanceof ImageError) return undefined;
    throw reason;
  }
}

// A blob that is missing or damaged counts as not stored: fetching again repairs it.
function isForPlatform(ctx: EngineContext, descriptor: Descriptor, platform: Platform): boolean {
  try {
    const manifest = parseManifest(ctx.images.readBlob(descriptor, MAX_DOCUMENT_BYTES), descriptor.mediaType);
    const config = parseConfig(ctx.images.readBlob(manifest.config, MAX_DOCUMENT_BYTES), manifest.config.mediaType);
    const isWhole = manifest.layers.every(({ digest }) => ctx.images.hasBlob(digest));
    return isWhole && matchPlatform(platform, config.platform) !== undefined;
  } catch (reason) {
    if (reason instanceof StoreError || reason instanceof ImageError) return false;
    throw reason;
  }
}

function nameOf(argument: NamedArgument): ImageName {
  if (argument.kind === "name" || argument.kind === "docker") return withTag(argument.name);
  const ref = "ref" in argument ? argument.ref : undefined;
  const full = ref === undefined ? undefined : tryParseName(ref);
  if (full !== undefined) return withTag(full);
  const path = argument.kind === "url" ? new URL(argument.url).pathname : argument.path;
  const base = path.split("/").findLast((part) => part !== "") ?? "image";
  const stem = base
    .toLowerCase()
    .replace(/(\.(tar|gz|zst|oci|aci|tgz))+$/, "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  const tag = ref !== undefined && /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(ref) ? ref : "latest";
  return parseImageName(`localhost/${stem === "" ? "image" : stem}:${tag}`);
}

function withTag(name: ImageName): ImageName {
  return name.tag === undefined && name.digest === undefined ? { ...name, tag: "latest" } : name;
}

function tryParseName(text: string): ImageName | undefined {
  try {
    return parseImageName(text);
  } catch (reason) {
    // A plain tag such as "1.2" is no full name.
    if (reason instanceof ImageError) return undefined;
    throw reason;
  }
}
