import { detachAll } from "../network/attach-all.ts";
import { CHECKPOINT_DIR, CHECKPOINT_FILE, readCheckpoint } from "../pod/checkpoint-record.ts";
import { PodError } from "../pod/errors.ts";
import type { PodManifest } from "../pod/manifest.ts";
import { type LockedPod, readPodManifest } from "../pod/pod-store.ts";
import { isNetNamespace, removeNetNamespace } from "../sys/linux/net-namespace.ts";
import { removeWhenEnded } from "./auto-remove.ts";
import type { EngineContext } from "./context.ts";
import { isHostNetwork, joinNetworks, planLaunch } from "./launch-pod.ts";
import { pluginHost } from "./plugin-host.ts";
import { eventApps, manifestHash } from "./prepare-pod.ts";
import { netnsPath, planReaping, type Reaping } from "./reap-pod.ts";
import type { RestorePodInput } from "./regime-calls.ts";
import { stage1Of } from "./regimes.ts";
import { recheckPod } from "./run-pod.ts";
import { notOffered } from "./running-pod.ts";
import { tryLockFor } from "./try-lock.ts";

interface RestoreOptions {
  readonly signal?: AbortSignal;
}

/**
 * `restore`: lets a checkpointed pod go on, in the background. Its images are held against today's keys and policy as at any
 * start. When it fails the pod stays checkpointed.
 * @throws {PodError} "pod/wrong-state", "pod/locked"; {Stage1Error} "stage1/checkpoint-failed", "stage1/unsupported-host"
 */
export async function restorePod(
  ctx: EngineContext,
  input: RestorePodInput,
  options: RestoreOptions = {},
): Promise<{ readonly uuid: string }> {
  const location = ctx.pods.find(input.pod);
  if (ctx.pods.state(location) !== "checkpointed") {
    throw new PodError("pod/wrong-state", `Cannot restore pod ${location.id}: it is ${ctx.pods.state(location)}`, {
      hint: "checkpoint a running pod first: gantry checkpoint POD",
    });
  }
  const reaping = planReaping(ctx);
  const pod = await tryLockFor(ctx, location);
  if (pod === undefined) {
    throw new PodError("pod/locked", `Cannot restore pod ${location.id}: another command is at work on it`, {
      hint: "try again in a moment",
    });
  }
  using held = pod; // the supervisors inherit the lock
  try {
    await goOn(ctx, { pod: held, reaping, keep: input.keep, origin: {} }, options);
  } finally {
    await reaping.start();
  }
  return { uuid: location.id };
}

/** What is restored, and what the event says of where it came from. */
export interface GoingOn {
  readonly pod: LockedPod;
  readonly reaping: Reaping;
  readonly keep: boolean;
  readonly origin: { readonly importDigest?: string; readonly acceptedBy?: readonly string[] };
}

/** Lets a locked pod with a checkpoint go on. When it throws nothing of the pod runs. */
export async function goOn(
  ctx: EngineContext,
  { pod, reaping, keep, origin }: GoingOn,
  options: RestoreOptions,
): Promise<void> {
  const files = pod.files();
  const manifest = readPodManifest(files);
  const stage1 = stage1Of(manifest);
  if (manifest === undefined || stage1.restore === undefined) throw notOffered(stage1, "restore");
  const record = readCheckpoint(files);
  await recheckPod(ctx, manifest);
  const attachments = await rejoinNetworks(ctx, { pod, manifest, reaping }, options);
  ctx.events.report({
    type: "pod.restored",
    pod: pod.id,
    manifestHash: manifestHash(pod),
    stage1: manifest.stage1.regime,
    apps: eventApps(manifest),
    ...origin,
  });
  if (manifest.autoRemove === true) await removeWhenEnded(ctx, pod);
  const plan = { mode: "spawn" as const, interactive: false, tty: false, reaping, ...options };
  await stage1.restore(planLaunch(ctx, { pod, manifest, attachments }, plan), record);
  files.remove(CHECKPOINT_FILE);
  if (!keep) files.remove(CHECKPOINT_DIR);
}

/** The pod's namespace is still there unless the host was started anew: then it is attached again. */
async function rejoinNetworks(
  ctx: EngineContext,
  { pod, manifest, reaping }: { readonly pod: LockedPod; readonly manifest: PodManifest; readonly reaping: Reaping },
  options: RestoreOptions,
) {
  const path = netnsPath(ctx, pod.id);
  if (isHostNetwork(manifest) || isNetNamespace(path)) return [];
  removeNetNamespace(path);
  await detachAll(pluginHost(ctx, pod.files(), [pod.lock.fd]));
  pod.files().remove("etc"); // of addresses it had before
  const attachments = await joinNetworks(ctx, { pod, manifest }, { reaping, ...options });
  if (attachments.length > 0)
    ctx.options.note(`pod ${pod.id} was attached anew: its addresses may be others than before`);
  return attachments;
}
