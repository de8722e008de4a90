import { MAX_DOCUMENT_BYTES } from "../image/decode-document.ts";
import type { Digest } from "../image/digest.ts";
import type { ImageManifest } from "../image/image-config.ts";
import { parseImageName, repositoryOf } from "../image/image-name.ts";
import { OCI_MANIFEST } from "../image/media-types.ts";
import { parseManifest } from "../image/parse-manifest.ts";
import { PodError } from "../pod/errors.ts";
import type { PodImage, PodManifest } from "../pod/manifest.ts";
import { readPodManifest } from "../pod/pod-store.ts";
import { isTerminal } from "../sys/terminal.ts";
import type { EngineContext } from "./context.ts";
import type { RunPreparedInput } from "./engine-calls.ts";
import { launchPod } from "./launch-pod.ts";
import { noteConfiguration } from "./note-configuration.ts";
import { podStatus } from "./pod-status.ts";
import { createPod, type PreparedPod } from "./prepare-pod.ts";
import { planReaping, type Reaping } from "./reap-pod.ts";
import { recheckImage } from "./recheck-image.ts";
import { stage1Of } from "./regimes.ts";
import { discardPod } from "./remove-pods.ts";
import { notOffered } from "./running-pod.ts";
import { STAGE1_TRUST_NAME } from "./stage1-image.ts";
import type { RunInput } from "./use-cases.ts";

interface RunOptions {
  readonly signal?: AbortSignal;
}

/**
 * `run`: from image names to running apps. Without `detach` this process becomes the pod's supervisor; with it, the call
 * returns when every app has started (or ended already).
 */
export async function runPod(
  ctx: EngineContext,
  input: RunInput,
  options: RunOptions = {},
): Promise<{ readonly uuid: string }> {
  const reaping = planReaping(ctx);
  try {
    const prepared = await createPod(ctx, input, options);
    return await start(ctx, { prepared, reaping, ...input }, options);
  } finally {
    await reaping.start();
  }
}

/** `run-prepared`: starts what `prepare` made. Images are held against today's keys and policy again. */
export async function runPrepared(
  ctx: EngineContext,
  input: RunPreparedInput,
  options: RunOptions = {},
): Promise<{ readonly uuid: string }> {
  const reaping = planReaping(ctx);
  try {
    return await startPrepared(ctx, { input, reaping }, options);
  } finally {
    await reaping.start();
  }
}

async function startPrepared(
  ctx: EngineContext,
  { input, reaping }: { readonly input: RunPreparedInput; readonly reaping: Reaping },
  options: RunOptions,
): Promise<{ readonly uuid: string }> {
  const location = ctx.pods.find(input.pod);
  if (location.dir !== "prepared") {
    throw new PodError(
      "pod/wrong-state",
      `Cannot start pod ${location.id}: it is ${ctx.pods.state(location)}, not prepared`,
      {
        hint: "prepare a new one: gantry prepare IMAGE",
      },
    );
  }
  const pod = ctx.pods.tryLock(location);
  if (pod === undefined) {
    throw new PodError("pod/locked", `Cannot start pod ${location.id}: another command is at work on it`, {
      hint: "try again in a moment",
    });
  }
  const manifest = readPodManifest(pod.files());
  if (manifest === undefined) {
    pod[Symbol.dispose]();
    throw new PodError("pod/bad-manifest", `Cannot start pod ${location.id}: it has no manifest`, {
      hint: `remove it: gantry rm ${location.id}`,
    });
  }
  try {
    assertTerminal(manifest, input);
    await recheckPod(ctx, manifest);
  } catch (reason) {
    // The pod stays prepared: it may be started otherwise, and trust may be given back.
    pod[Symbol.dispose]();
    throw reason;
  }
  return await start(ctx, { prepared: { pod, manifest }, reaping, ...input }, options);
}

/**
 * Only one app can have input or terminal. A terminal of the caller's has to be there; one in the background, or input
 * there, has to be attachable later.
 */
function assertTerminal(
  manifest: PodManifest,
  {
    detach,
    interactive,
    tty = false,
  }: { readonly detach: boolean; readonly interactive: boolean; readonly tty?: boolean },
): void {
  if ((interactive || tty) && manifest.apps.length !== 1) {
    throw new PodError(
      "pod/bad-option",
      `Cannot give ${tty ? "a terminal" : "standard input"} to a pod of several apps`,
      { hint: `leave out ${tty ? "--tty" : "--interactive"}, or give the app a pod of its own` },
    );
  }
  if (!detach) {
    if (!tty || (isTerminal(0) && isTerminal(1))) return;
    throw new PodError("pod/bad-option", "Cannot give the app a terminal: this call has none", {
      hint: "leave out --tty, or start it in the background and attach: gantry run -dit IMAGE",
    });
  }
  const stage1 = stage1Of(manifest);
  if ((!interactive && !tty) || stage1.options?.includes("attach") === true) return;
  throw notOffered(stage1, "keep the input or a terminal of");
}

async function start(
  ctx: EngineContext,
  {
    prepared,
    reaping,
    detach,
    interactive,
    tty = false,
  }: {
    readonly prepared: PreparedPod;
    readonly reaping: Reaping;
    readonly detach: boolean;
    readonly interactive: boolean;
    readonly tty?: boolean;
  },
  options: RunOptions,
): Promise<{ readonly uuid: string }> {
  const { pod, manifest } = prepared;
  try {
    assertTerminal(manifest, { detach, interactive, tty });
    const isForeground = !detach;
    const launch = {
      mode: detach ? ("spawn" as const) : ("exec" as const),
      interactive: interactive || (isForeground && tty),
      tty,
      reaping,
      ...options,
    };
    await launchPod(ctx, prepared, launch);
  } catch (reason) {
    await discardPod(ctx, pod);
    throw reason;
  }
  // The supervisor has inherited the lock: closing our copy leaves it there.
  pod[Symbol.dispose]();
  try {
    await podStatus(ctx, { pod: pod.id, wait: { for: "ready", timeoutMs: 60_000 } }, options);
  } catch (reason) {
    const isGone = ctx.pods.list().every(({ id }) => id !== pod.id);
    if (manifest.autoRemove !== true || !isGone) throw reason;
  }
  return { uuid: pod.id };
}

/** Holds everything a pod runs from against today's keys and policy. */
export async function recheckPod(ctx: EngineContext, manifest: PodManifest): Promise<void> {
  noteConfiguration(ctx);
  for (const image of [...manifest.apps.map((app) => app.image)]) await recheckPodImage(ctx, image);
  await recheckStage1(ctx, manifest);
}

async function recheckPodImage(ctx: EngineContext, image: PodImage): Promise<void> {
  await recheckImage(ctx, {
    trustName: repositoryOf(parseImageName(image.name)),
    name: image.name,
    manifest: readStoredManifest(ctx, image.digest),
  });
}

/** A manifest in the store. @throws {StoreError} "store/not-found" */
export function readStoredManifest(ctx: EngineContext, digest: Digest): ImageManifest {
  const raw = ctx.images.readBlob({ digest, sizeBytes: 0 }, MAX_DOCUMENT_BYTES);
  return parseManifest(raw, peekMediaType(raw));
}

async function recheckStage1(ctx: EngineContext, manifest: PodManifest): Promise<void> {
  if (manifest.stage1.image === undefined) return;
  if (manifest.stage1.entries !== undefined) return await recheckPodImage(ctx, manifest.stage1.image);
  const raw = ctx.images.readBlob({ digest: manifest.stage1.image.digest, sizeBytes: 0 }, MAX_DOCUMENT_BYTES);
  await recheckImage(ctx, {
    trustName: `${STAGE1_TRUST_NAME}/${manifest.stage1.regime}`,
    manifest: parseManifest(raw, OCI_MANIFEST),
  });
}

function peekMediaType(raw: Uint8Array): string {
  const parsed: unknown = JSON.parse(new TextDecoder().decode(raw));
  const found = typeof parsed === "object" && parsed !== null && "mediaType" in parsed ? parsed.mediaType : undefined;
  return typeof found === "string" ? found : OCI_MANIFEST;
}
