import { EngineError } from "../base/errors.ts";
import { assertLayersMatch } from "../image/assert-layers-match.ts";
import { MAX_DOCUMENT_BYTES } from "../image/decode-document.ts";
import type { Descriptor } from "../image/descriptor.ts";
import type { ImageConfig, ImageManifest } from "../image/image-config.ts";
import { isConfigMediaType, isIndexMediaType } from "../image/media-types.ts";
import { parseConfig } from "../image/parse-config.ts";
import { parseIndex } from "../image/parse-index.ts";
import { parseManifest } from "../image/parse-manifest.ts";
import { compareTrees } from "../store/compare-trees.ts";
import type { ImageRef } from "../store/image-refs.ts";
import { LAYERS_DIR } from "../store/store-paths.ts";
import { unpackLayerJob } from "../store/unpack-layer.ts";
import { DEFAULT_UNPACK_LIMITS } from "../store/unpack-limits.ts";
import { chainIdsOf, findUnpackedLayer, overlayLowerDirs, type UnpackedLayer } from "../store/unpacked-layer.ts";
import type { EngineContext } from "./context.ts";
import { ensureLayers } from "./ensure-layers.ts";
import { UseCaseError } from "./errors.ts";
import type { StoreProblem, VerifiedImage } from "./image-calls.ts";
import { findStored } from "./open-stored-source.ts";
import { runningLayers } from "./pods-in-use.ts";
import { parseUserImage } from "./registries-conf.ts";
import { checkBlob } from "./verify/check-blob.ts";
import { reasonOf, repairBlob } from "./verify/repair-blob.ts";

interface VerifyOptions {
  readonly signal?: AbortSignal;
}

/**
 * `image verify`: reads every byte of images again: documents and layers against their digests, and unpacks each unpacked
 * layer anew beside it, which checks its diffID, to compare every file and attribute. With `repair` what is damaged is
 * fetched or unpacked again. What several images share is checked once.
 * @throws {StoreError} "store/not-found" for an image that is not there; damage is a result, not an error.
 */
export async function verifyImages(
  ctx: EngineContext,
  input: { readonly images: readonly string[]; readonly repair: boolean },
  options: VerifyOptions = {},
): Promise<readonly VerifiedImage[]> {
  const refs = input.images.length === 0 ? ctx.images.listRefs() : input.images.map((image) => findRef(ctx, image));
  using _import = await ctx.images.lockImport(options);
  const done = new Map<string, string | undefined>();
  const verified: VerifiedImage[] = [];
  for (const ref of refs) verified.push(await new Verification(ctx, { ref, repair: input.repair, done }).run(options));
  return verified;
}

function findRef(ctx: EngineContext, image: string): ImageRef {
  const argument = parseUserImage(ctx, image);
  if (argument.kind === "name" || argument.kind === "stored") return findStored(ctx, argument);
  throw new UseCaseError("engine/bad-input", `Cannot verify "${image}": only images in the store can be verified`, {
    hint: `fetch it first: gantry fetch ${image}`,
  });
}

interface Task {
  readonly ref: ImageRef;
  readonly repair: boolean;
  /** What was checked for other images, and what is still wrong with it. */
  readonly done: Map<string, string | undefined>;
}

class Verification {
  readonly #ctx: EngineContext;
  readonly #task: Task;
  readonly #problems: StoreProblem[] = [];
  #blobs = 0;
  #layers = 0;

  constructor(ctx: EngineContext, task: Task) {
    this.#ctx = ctx;
    this.#task = task;
  }

  async run(options: VerifyOptions): Promise<VerifiedImage> {
    const { ref } = this.#task;
    await this.#document(ref.descriptor, options);
    const problems = this.#problems;
    return {
      name: ref.name,
      digest: ref.descriptor.digest,
      isGood: problems.every(({ repair }) => repair === "repaired"),
      blobs: this.#blobs,
      layers: this.#layers,
      problems,
    };
  }

  async #document(descriptor: Descriptor, options: VerifyOptions): Promise<void> {
    if (!(await this.#blob(descriptor, options))) return;
    const raw = this.#ctx.images.readBlob(descriptor, MAX_DOCUMENT_BYTES);
    if (!isIndexMediaType(descriptor.mediaType))
      return await this.#image(parseManifest(raw, descriptor.mediaType), options);
    for (const part of parseIndex(raw, descriptor.mediaType).manifests) await this.#document(part, options);
  }

  async #image(manifest: ImageManifest, options: VerifyOptions): Promise<void> {
    let isWhole = true;
    for (const blob of [manifest.config, ...manifest.layers]) isWhole = (await this.#blob(blob, options)) && isWhole;
    if (!isWhole || !isConfigMediaType(manifest.config.mediaType)) return;
    const raw = this.#ctx.images.readBlob(manifest.config, MAX_DOCUMENT_BYTES);
    const config = parseConfig(raw, manifest.config.mediaType);
    assertLayersMatch(manifest, config);
    await this.#trees({ manifest, config }, options);
  }

  /** Whether the blob is good, or good again. */
  async #blob(blob: Descriptor, options: VerifyOptions): Promise<boolean> {
    const { done, repair, ref } = this.#task;
    const known = done.has(blob.digest);
    const problem = known ? done.get(blob.digest) : checkBlob(this.#ctx, blob, options);
    this.#blobs++;
    done.set(blob.digest, problem);
    if (problem === undefined) return true;
    if (!repair) return this.#say({ what: blob.digest, problem, repair: "none" });
    try {
      await repairBlob(this.#ctx, { ref, blob }, options);
      done.set(blob.digest, undefined);
      this.#say({ what: blob.digest, problem, repair: "repaired" });
      return true;
    } catch (reason) {
      return this.#say({ what: blob.digest, problem, repair: "failed", reason: reasonOf(reason, options.signal) });
    }
  }

  async #trees(
    image: { readonly manifest: ImageManifest; readonly config: ImageConfig },
    options: VerifyOptions,
  ): Promise<void> {
    const chainIds = chainIdsOf(image.config.diffIds);
    const below: UnpackedLayer[] = [];
    for (const [i, diffId] of image.config.diffIds.entries()) {
      const [chainId, descriptor] = [chainIds[i], image.manifest.layers[i]];
      if (chainId === undefined || descriptor === undefined) return;
      const layer = findUnpackedLayer(this.#ctx.root, diffId, chainId);
      if (layer === undefined) return; // not unpacked, so are those that were unpacked on top of it
      await this.#tree({ layer, descriptor, below, image }, options);
      below.push(layer);
    }
  }

  async #tree(
    input: {
      readonly layer: UnpackedLayer;
      readonly descriptor: Descriptor;
      readonly below: readonly UnpackedLayer[];
      readonly image: { readonly manifest: ImageManifest; readonly config: ImageConfig };
    },
    options: VerifyOptions,
  ): Promise<void> {
    const { done, repair } = this.#task;
    const { layer, image } = input;
    this.#layers++;
    if (done.has(layer.name)) return;
    const differences = await this.#compare(input, options);
    done.set(layer.name, differences.length === 0 ? undefined : "differs");
    if (differences.length === 0) return;
    const what = `layer ${layer.name}`;
    if (!repair) return differences.forEach((problem) => void this.#say({ what, problem, repair: "none" }));
    const outcome = await this.#unpackAgain(layer, image, options);
    for (const problem of differences) this.#say({ what, problem, ...outcome });
  }

  async #compare(
    {
      layer,
      descriptor,
      below,
    }: { readonly layer: UnpackedLayer; readonly descriptor: Descriptor; readonly below: readonly UnpackedLayer[] },
    options: VerifyOptions,
  ): Promise<readonly string[]> {
    const { root, images } = this.#ctx;
    const temp = root.createTempDir();
    try {
      root.ensureDir(`${temp}/tree`, 0o755);
      const targetDir = root.path(`${temp}/tree`);
      const job = {
        blobPath: images.blobPath(descriptor.digest),
        mediaType: descriptor.mediaType,
        diffId: layer.diffId,
        targetDir,
        limits: DEFAULT_UNPACK_LIMITS,
        lowerDirs: overlayLowerDirs(below),
      };
      await unpackLayerJob(job, options);
      return compareTrees(targetDir, layer.dir, layer);
    } catch (reason) {
      if (options.signal?.aborted === true || !(reason instanceof EngineError)) throw reason;
      return [`cannot be unpacked again: ${reason.message}`];
    } finally {
      root.remove(temp);
    }
  }

  async #unpackAgain(
    layer: UnpackedLayer,
    image: { readonly manifest: ImageManifest; readonly config: ImageConfig },
    options: VerifyOptions,
  ): Promise<Pick<StoreProblem, "repair" | "reason">> {
    const { root } = this.#ctx;
    const users = runningLayers(this.#ctx).get(layer.name);
    if (users !== undefined)
      return { repair: "failed", reason: `a running pod uses it; stop it first: gantry stop ${users.join(" ")}` };
    const old = `tmp/damaged-${layer.name}`;
    root.remove(old);
    root.rename(`${LAYERS_DIR}/${layer.name}`, old);
    try {
      await ensureLayers(this.#ctx, image, options);
      return { repair: "repaired" };
    } catch (reason) {
      return { repair: "failed", reason: reasonOf(reason, options.signal) };
    } finally {
      root.remove(old);
    }
  }

  #say(problem: StoreProblem): false {
    this.#problems.push(problem);
    return false;
  }
}
