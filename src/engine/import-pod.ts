import { formatTimestamp } from "../base/clock.ts";
import { parseImageName, repositoryOf } from "../image/image-name.ts";
import type { CheckpointDocument } from "../pod/checkpoint-document.ts";
import { writeCheckpoint } from "../pod/checkpoint-record.ts";
import type { PodManifest } from "../pod/manifest.ts";
import { parsePodId, parsePodName } from "../pod/names.ts";
import type { LockedPod } from "../pod/pod-store.ts";
import { Stage1Error } from "../stage1/errors.ts";
import { newUuid } from "../sys/random.ts";
import { choosePodStage1 } from "./choose-stage1.ts";
import type { EngineContext } from "./context.ts";
import { ensureLayers } from "./ensure-layers.ts";
import { type OpenedCheckpoint, openCheckpointFile } from "./open-checkpoint-file.ts";
import { podImageOf } from "./pod-image.ts";
import { packedSize, type ReadyImage, readStoredConfig } from "./ready-image.ts";
import { planReaping } from "./reap-pod.ts";
import { recheckImage } from "./recheck-image.ts";
import type { ImportPodInput } from "./regime-calls.ts";
import { findStage1 } from "./regimes.ts";
import { discardPod } from "./remove-pods.ts";
import { goOn } from "./restore-pod.ts";
import { readStoredManifest } from "./run-pod.ts";
import { notOffered } from "./running-pod.ts";
import { unpackCheckpoint } from "./unpack-checkpoint.ts";

interface ImportOptions {
  readonly signal?: AbortSignal;
}

/**
 * `restore --import`: a new pod that goes on from an exported checkpoint. The archive holds memory, so it is code: it has to
 * be this host's own or signed for every image of the pod; the images have to be here and trusted as at any start.
 * Whatever goes wrong leaves nothing behind.
 * @throws {PodError} "pod/bad-checkpoint"; {TrustError} any refusal; {StoreError} "store/not-found"; {Stage1Error}
 */
export async function importPod(
  ctx: EngineContext,
  input: ImportPodInput,
  options: ImportOptions = {},
): Promise<{ readonly uuid: string }> {
  const name = input.name === undefined ? undefined : parsePodName(input.name);
  const reaping = planReaping(ctx);
  try {
    using archive = await openCheckpointFile(ctx, input.file, options);
    const { document } = archive;
    assertMachine(document);
    const stage1 = findStage1(document.manifest.stage1.regime);
    if (stage1.restore === undefined || stage1.adoptCheckpoint === undefined) throw notOffered(stage1, "restore");
    const id = parsePodId(newUuid());
    using pod = ctx.pods.create(id);
    try {
      if (name !== undefined) ctx.pods.claimName(name, id);
      pod.move("begin-prepare");
      const manifest = await adopt(ctx, { archive, pod, name }, options);
      stage1.adoptCheckpoint(pod.files(), document.regime);
      pod.move("start");
      writeCheckpoint(pod.files(), document.record);
      reportInsecure(ctx, { manifest, acceptedBy: archive.acceptedBy });
      const origin = { importDigest: archive.digest, acceptedBy: archive.acceptedBy };
      await goOn(ctx, { pod, reaping, keep: input.keep, origin }, options);
    } catch (reason) {
      if (name !== undefined) ctx.pods.releaseName(name, id);
      await discardPod(ctx, pod);
      throw reason;
    }
    return { uuid: id };
  } finally {
    await reaping.start();
  }
}

/** Memory is made for one kind of processor. */
function assertMachine({ machine }: CheckpointDocument): void {
  if (machine === process.arch) return;
  throw new Stage1Error(
    "stage1/unsupported-host",
    `Cannot restore: the checkpoint is of a ${machine} machine, this one is ${process.arch}`,
    {
      hint: "restore it on a host with such a processor",
    },
  );
}

/** Fills the directory of a new pod from the archive, with images as this host has and trusts them. */
async function adopt(
  ctx: EngineContext,
  {
    archive,
    pod,
    name,
  }: { readonly archive: OpenedCheckpoint; readonly pod: LockedPod; readonly name: PodManifest["name"] },
  options: ImportOptions,
): Promise<PodManifest> {
  const { manifest: asked } = archive.document;
  // Held until the manifest names what the pod needs: garbage collection goes by that.
  using _import = await ctx.images.lockImport(options);
  const images: ReadyImage[] = [];
  for (const { image } of asked.apps) images.push(await readyStored(ctx, image, options));
  choosePodStage1(ctx, { asked: asked.stage1.regime, images });
  const { name: _name, ...rest } = asked;
  const manifest: PodManifest = {
    ...rest,
    uuid: pod.id,
    ...(name === undefined ? {} : { name }),
    createdAt: formatTimestamp(ctx.clock.nowMs()),
    apps: asked.apps.map((app, index) => {
      const ready = images[index];
      return ready === undefined ? app : { ...app, image: podImageOf(ready) };
    }),
    insecureOptions: [...new Set([...asked.insecureOptions, ...ctx.options.insecureOptions])].sort(),
  };
  const files = pod.files();
  unpackCheckpoint(files, archive, options);
  files.writePlain("started.json", JSON.stringify({ startedAt: formatTimestamp(ctx.clock.nowMs()) }), 0o600);
  files.writeAtomic("pod.json", `${JSON.stringify(manifest, undefined, 2)}\n`, 0o600);
  return manifest;
}

/** An image of the store by its digest, under the name the checkpoint claims: trust is asked for that name. */
async function readyStored(
  ctx: EngineContext,
  { name, digest }: PodManifest["apps"][number]["image"],
  options: ImportOptions,
): Promise<ReadyImage> {
  const trustName = repositoryOf(parseImageName(name));
  if (!ctx.images.hasBlob(digest)) {
    const { StoreError } = await import("../store/errors.ts");
    throw new StoreError(
      "store/not-found",
      `Cannot restore: image "${name}" with the digest ${digest} is not in the store`,
      {
        hint: `fetch that very image first: gantry fetch ${trustName}@${digest}`,
      },
    );
  }
  const manifest = readStoredManifest(ctx, digest);
  const config = readStoredConfig(ctx, manifest);
  const record = await recheckImage(ctx, { trustName, name, manifest });
  const layers = await ensureLayers(ctx, { manifest, config }, options);
  return { name, trustName, manifest, config, layers, record, isCached: true, sizeBytes: packedSize(manifest) };
}

function reportInsecure(
  ctx: EngineContext,
  { manifest, acceptedBy }: { readonly manifest: PodManifest; readonly acceptedBy: readonly string[] },
): void {
  if (!acceptedBy.includes("insecure-option")) return;
  ctx.options.note(
    "WARNING: a checkpoint is restored that nobody vouches for: it may do anything on this host, as root (--insecure-options=image)",
  );
  ctx.events.report({ type: "insecure.used", options: ["image"], pod: manifest.uuid });
}
