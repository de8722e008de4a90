import { resolve } from "node:path";
import { manifestOfConfig } from "../image/aci/config.ts";
import { type AciManifest, parseAciManifest } from "../image/aci/manifest.ts";
import { encodeAci } from "../image/aci/write-archive.ts";
import { assertLayersMatch } from "../image/assert-layers-match.ts";
import { parseAciName } from "../image/convert/aci-name.ts";
import { manifestFromConfig } from "../image/convert/manifest-from-config.ts";
import { MAX_DOCUMENT_BYTES } from "../image/decode-document.ts";
import type { Descriptor, Platform } from "../image/descriptor.ts";
import { createHasher, type Digest } from "../image/digest.ts";
import { parseConfig } from "../image/parse-config.ts";
import { parseManifest } from "../image/parse-manifest.ts";
import { createUserFile } from "../sys/user-file.ts";
import { applyBlobs } from "../transport/aci/apply-blobs.ts";
import { choosePlatformManifest } from "../transport/choose-platform-manifest.ts";
import type { ImageSource } from "../transport/image-source.ts";
import { REF_NAME } from "../transport/layout/layout-index.ts";
import type { EngineContext } from "./context.ts";
import { type CopySource, openCopySource } from "./open-copy-source.ts";

interface WriteOptions {
  readonly signal?: AbortSignal;
}

/** What to write as an App Container Image. */
export interface WriteAciInput {
  readonly image: string;
  readonly path: string;
  /** `NAME[:VERSION]` for an image that is none yet; undefined: what its source calls it. */
  readonly name?: string;
  /** Dependencies become part of the image instead of being named in it. */
  readonly flatten: boolean;
  readonly platform: Platform;
}

/** What was written. */
export interface WrittenAci {
  /** sha256 of the file. */
  readonly digest: Digest;
  /** sha512 of the uncompressed archive. */
  readonly imageId: Digest;
  readonly placedAt: string;
}

/**
 * Writes an image as an App Container Image, not compressed, because compressors differ between builds and machines: the
 * same image gives the same bytes everywhere. An image that is one already gets its own manifest and files back; from the
 * store it comes as it was published, byte for byte. The layers of any other image become one tree.
 * @throws {ImageError} "image/no-counterpart"; {TransportError}; {StoreError}
 */
export async function writeAci(
  ctx: EngineContext,
  input: WriteAciInput,
  options: WriteOptions = {},
): Promise<WrittenAci> {
  const from = await openCopySource(ctx, { image: input.image, platform: input.platform }, options);
  await using source = from.source;
  if (from.published !== undefined && !input.flatten) return copyPublished(ctx, { input, published: from.published });
  const top = await source.resolve(options);
  const descriptor = await choosePlatformManifest(source, { descriptor: top, platform: input.platform }, options);
  const image = await readImage(source, descriptor, options);
  const own = source.aci?.manifest ?? manifestOfConfig(image.config);
  const manifest =
    own === undefined
      ? manifestFromConfig(image.configRaw, nameOf(input, from, top))
      : keptManifest(own, input.flatten);
  const first = own === undefined || input.flatten ? 0 : Math.max(0, image.layers.length - 1);
  ctx.root.ensureDir("tmp", 0o700);
  using tree = await applyBlobs({ temp: ctx.root }, { source, layers: image.layers.slice(first) }, options);
  const path = resolve(input.path);
  using file = createUserFile(path);
  const [sha256, sha512] = [createHasher("sha256"), createHasher("sha512")];
  for (const chunk of encodeAci({ manifest, tree: tree.tree }, tree.readContent)) {
    options.signal?.throwIfAborted();
    sha256.update(chunk);
    sha512.update(chunk);
    file.write(chunk);
  }
  file.commit("");
  return { digest: sha256.digest(), imageId: sha512.digest(), placedAt: `archive ${path}` };
}

function copyPublished(
  ctx: EngineContext,
  { input, published }: { readonly input: WriteAciInput; readonly published: NonNullable<CopySource["published"]> },
): WrittenAci {
  const path = resolve(input.path);
  using file = createUserFile(path);
  const { files } = ctx.images;
  const rel = ctx.images.blobPath(published.archive.digest).slice(files.root.length + 1);
  for (const chunk of files.readChunks(rel)) file.write(chunk);
  file.commit("");
  return { digest: published.archive.digest, imageId: published.id, placedAt: `archive ${path}` };
}

async function readImage(source: ImageSource, descriptor: Descriptor, options: WriteOptions) {
  const raw = await source.readDocument(descriptor, MAX_DOCUMENT_BYTES, options);
  const manifest = parseManifest(raw, descriptor.mediaType);
  const configRaw = await source.readDocument(manifest.config, MAX_DOCUMENT_BYTES, options);
  const config = parseConfig(configRaw, manifest.config.mediaType);
  assertLayersMatch(manifest, config);
  const layers = manifest.layers.flatMap((layer, i) => {
    const diffId = config.diffIds[i];
    return diffId === undefined ? [] : [{ layer, diffId }];
  });
  return { configRaw, config, layers };
}

function nameOf(input: WriteAciInput, from: CopySource, top: Descriptor) {
  if (input.name !== undefined) return parseAciName(input.name, "as it is");
  const known = from.name ?? top.annotations[REF_NAME];
  return known === undefined ? {} : parseAciName(known, "made fitting");
}

/** With everything in one tree there is nothing left to depend on or to leave out. */
function keptManifest(manifest: AciManifest, flatten: boolean): AciManifest {
  if (!flatten || (manifest.dependencies.length === 0 && manifest.pathWhitelist.length === 0)) return manifest;
  const { dependencies: _d, pathWhitelist: _p, ...kept } = JSON.parse(new TextDecoder().decode(manifest.raw));
  return parseAciManifest(new TextEncoder().encode(`${JSON.stringify(kept, undefined, 2)}\n`));
}
