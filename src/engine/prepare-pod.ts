import { formatTimestamp } from "../base/clock.ts";
import { digestOf } from "../image/digest.ts";
import { hostPlatform, parsePlatform } from "../image/platform.ts";
import type { PodManifest } from "../pod/manifest.ts";
import { parsePodId, parsePodName } from "../pod/names.ts";
import { planManifest } from "../pod/plan-manifest.ts";
import type { LockedPod } from "../pod/pod-store.ts";
import { planMappedVolumes } from "../pod/volume-idmap.ts";
import { newUuid } from "../sys/random.ts";
import { assertRunOptions } from "./assert-run-options.ts";
import { claimPodName } from "./auto-remove.ts";
import { assertAppImage, describeUnfulfilled } from "./check-app-image.ts";
import { choosePodStage1 } from "./choose-stage1.ts";
import type { EngineContext } from "./context.ts";
import { fetchImage } from "./fetch-image.ts";
import { noteConfiguration } from "./note-configuration.ts";
import { planUserNamespace, readOwnIds } from "./plan-user-namespace.ts";
import { podImageOf } from "./pod-image.ts";
import type { ReadyImage } from "./ready-image.ts";
import { findStage1, isStage1Image } from "./regimes.ts";
import { discardPod } from "./remove-pods.ts";
import { settleInBackground } from "./settle-in-background.ts";
import { readyStage1 } from "./stage1-image.ts";
import type { RunInput } from "./use-cases.ts";

/** By then the kernel has written by itself what it had to, and syncing disturbs nobody. */
const SETTLED_BY_KERNEL_MS = 60_000;

interface PrepareOptions {
  readonly signal?: AbortSignal;
  /** What is written has to be there after a crash of the machine. */
  readonly durable?: boolean;
}

/** A pod that is complete on disk and locked by this process. */
export interface PreparedPod {
  readonly pod: LockedPod;
  readonly manifest: PodManifest;
}

/**
 * Fetches what the pod needs and writes its manifest. The pod is returned locked, in "prepare"; whatever goes wrong
 * before that leaves nothing behind.
 */
export async function createPod(
  ctx: EngineContext,
  input: RunInput,
  options: PrepareOptions = {},
): Promise<PreparedPod> {
  if (input.stage1 !== undefined && !isStage1Image(input.stage1)) findStage1(input.stage1); // before anything is fetched
  const name = input.name === undefined ? undefined : parsePodName(input.name);
  const id = parsePodId(newUuid());
  const pod = ctx.pods.create(id);
  try {
    if (name !== undefined) await claimPodName(ctx, name, pod);
    if (input.uuidFile !== undefined) ctx.writeUserFile(input.uuidFile, `${id}\n`);
    pod.move("begin-prepare");
    noteConfiguration(ctx);
    // Held until the manifest names what the pod needs: garbage collection goes by that.
    using _import = await ctx.images.lockImport(options);
    await settleInBackground(ctx, { olderThanMs: SETTLED_BY_KERNEL_MS });
    const images = await fetchAll(ctx, input, options);
    const regime = choosePodStage1(ctx, { asked: input.stage1, images });
    const builtIn = isStage1Image(regime) ? undefined : findStage1(regime);
    const nets = input.nets.length === 0 ? (builtIn?.defaultNets ?? []) : input.nets;
    const withoutIds = planManifest(
      { ...input, nets },
      {
        uuid: id,
        createdAt: formatTimestamp(ctx.clock.nowMs()),
        images: images.map((ready) => ({ image: podImageOf(ready), config: ready.config })),
        stage1: { regime },
        insecureOptions: [...ctx.options.insecureOptions].sort(),
      },
    );
    using ids = planUserNamespace(ctx, input.userns);
    const planned = { ...withoutIds, ...ids.member };
    planMappedVolumes(planned, readOwnIds(ctx)); // what cannot be is refused now
    assertRunOptions(planned, builtIn?.options); // before a stage1 is built, which may take a while
    const manifest = { ...planned, stage1: await readyStage1(ctx, regime, options) };
    for (const line of describeUnfulfilled(manifest, images)) ctx.options.note(`NOTE: ${line}`);
    const text = `${JSON.stringify(manifest, undefined, 2)}\n`;
    // A crash of the machine ends a pod that runs; one that is started later has to outlive it.
    if (options.durable === true) pod.files().writeAtomic("pod.json", text, 0o600);
    else pod.files().replace("pod.json", text, 0o600);
    reportPrepared(ctx, { manifest, manifestHash: digestOf(text) });
    return { pod, manifest };
  } catch (reason) {
    if (name !== undefined) ctx.pods.releaseName(name, id);
    await discardPod(ctx, pod);
    throw reason;
  }
}

/** `prepare`: a pod that `run-prepared` can start later, at once and offline. */
export async function preparePod(
  ctx: EngineContext,
  input: RunInput,
  options: PrepareOptions = {},
): Promise<{ readonly uuid: string }> {
  const { pod } = await createPod(ctx, input, { ...options, durable: true });
  using held = pod;
  // It may be started after a crash of the machine: what it needs must be there then.
  ctx.images.settle();
  held.move("finish-prepare");
  return { uuid: held.id };
}

/** Hash of the manifest as it lies on disk. */
export function manifestHash(pod: LockedPod): string {
  return digestOf(pod.files().readBytes("pod.json", 8 * 1024 * 1024));
}

/** The apps of a pod as events name them. */
export function eventApps(manifest: PodManifest) {
  return manifest.apps.map(({ name, image }) => ({ app: name, image: { name: image.name, digest: image.digest } }));
}

// The same image twice in a pod is looked up once.
async function fetchAll(ctx: EngineContext, input: RunInput, options: PrepareOptions): Promise<ReadyImage[]> {
  const ready = new Map<string, ReadyImage>();
  for (const { image } of input.apps) {
    if (ready.has(image)) continue;
    const platform = input.platform === undefined ? {} : { platform: input.platform };
    ready.set(image, await fetchImage(ctx, { image, pullPolicy: input.pullPolicy, ...platform }, options));
  }
  const platform = input.platform === undefined ? hostPlatform(process.arch) : parsePlatform(input.platform);
  return input.apps.flatMap((app) => {
    const image = ready.get(app.image);
    if (image === undefined) return [];
    assertAppImage(image, { app, platform });
    return [image];
  });
}

function reportPrepared(
  ctx: EngineContext,
  { manifest, manifestHash: hash }: { readonly manifest: PodManifest; readonly manifestHash: string },
): void {
  const { insecureOptions } = manifest;
  const prepared = {
    type: "pod.prepared",
    pod: manifest.uuid,
    manifestHash: hash,
    stage1: manifest.stage1.regime,
    ...(manifest.stage1.image === undefined ? {} : { stage1Digest: manifest.stage1.image.digest }),
    apps: eventApps(manifest),
  } as const;
  const insecure = { type: "insecure.used", options: insecureOptions, pod: manifest.uuid } as const;
  ctx.events.reportTogether(insecureOptions.length === 0 ? [prepared] : [prepared, insecure]);
}
