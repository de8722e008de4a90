import { formatReason } from "../base/errors.ts";
import { PodError } from "../pod/errors.ts";
import { type LockedPod, readPodManifest } from "../pod/pod-store.ts";
import type { EngineContext } from "./context.ts";
import { reapPod } from "./reap-pod.ts";
import { stopPods } from "./stop-pods.ts";
import { tryLockFor } from "./try-lock.ts";

/** Removes pods that do not run (with `force`: stops them first). Returns the UUIDs. @throws {PodError} "pod/wrong-state", "pod/locked" */
export async function removePods(
  ctx: EngineContext,
  input: { readonly pods: readonly string[]; readonly force: boolean },
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const text of input.pods) {
    let location = ctx.pods.find(text);
    if (location.dir === "run" && ctx.pods.state(location) === "running") {
      if (!input.force) {
        throw new PodError("pod/wrong-state", `Cannot remove pod ${location.id}: it is running`, {
          hint: `stop it first: gantry stop ${text}, or use gantry rm --force ${text}`,
        });
      }
      await stopPods(ctx, { pods: [location.id], force: true, timeoutMs: 10_000 }, options);
      location = ctx.pods.find(location.id);
    }
    const pod = await tryLockFor(ctx, location);
    if (pod === undefined) {
      throw new PodError("pod/locked", `Cannot remove pod ${location.id}: another command is at work on it`, {
        hint: "try again in a moment",
      });
    }
    await destroyPod(ctx, pod, { force: input.force });
    removed.push(location.id);
  }
  return removed;
}

/** Takes everything of a locked pod away, from the host and from disk, and gives the lock back. Safe to interrupt and to repeat. */
export async function destroyPod(
  ctx: EngineContext,
  pod: LockedPod,
  options: { readonly force?: boolean } = {},
): Promise<void> {
  using held = pod;
  const files = held.files();
  if (held.dir === "run") await reapPod(ctx, held, options);
  const name = readName(files.has("pod.json") ? () => readPodManifest(files)?.name : () => undefined);
  if (name !== undefined) ctx.pods.releaseName(name, held.id);
  const wasStarted = files.has("started.json");
  if (held.dir !== "garbage") held.move("discard");
  ctx.pods.erase(held);
  if (wasStarted || name !== undefined || held.dir === "garbage")
    ctx.events.report({ type: "pod.removed", pod: held.id });
}

/** For a pod whose making failed: as `destroyPod`, but a failure to clean up is noted, so that the first error is the one shown. */
export async function discardPod(ctx: EngineContext, pod: LockedPod): Promise<void> {
  try {
    await destroyPod(ctx, pod);
  } catch (reason) {
    ctx.options.note(`cannot clean up pod ${pod.id} yet (gantry gc will): ${formatReason(reason)}`);
  }
}

function readName(read: () => string | undefined): string | undefined {
  try {
    return read();
  } catch (reason) {
    // A damaged manifest must not keep a pod from being removed; its name is freed when somebody claims it.
    if (reason instanceof PodError) return undefined;
    throw reason;
  }
}
