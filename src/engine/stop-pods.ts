import { CHECKPOINT_FILE } from "../pod/checkpoint-record.ts";
import { PodError } from "../pod/errors.ts";
import { type PodLocation, readPodManifest } from "../pod/pod-store.ts";
import type { EngineContext } from "./context.ts";
import { areAppsStarted, waitUntil } from "./pod-status.ts";
import { reapPod } from "./reap-pod.ts";
import { stage1Of } from "./regimes.ts";
import { tryLockFor } from "./try-lock.ts";

/** What to stop, and how patiently. */
export interface StopInput {
  readonly pods: readonly string[];
  /** Kill at once. */
  readonly force: boolean;
  /** How long apps have after their stop signal before they are killed. */
  readonly timeoutMs: number;
}

const START_GRACE_MS = 5_000;
const KILL_GRACE_MS = 10_000;

/** Stops pods and takes their networks back. A pod that has ended counts as stopped. */
export async function stopPods(
  ctx: EngineContext,
  input: StopInput,
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly { readonly pod: string; readonly result: "stopped" | "already-exited" }[]> {
  const results: { readonly pod: string; readonly result: "stopped" | "already-exited" }[] = [];
  for (const text of input.pods) {
    const location = ctx.pods.find(text);
    const wasRunning = location.dir === "run" && ctx.pods.state(location) === "running";
    if (location.dir !== "run" && location.dir !== "exited-garbage") {
      throw new PodError("pod/wrong-state", `Cannot stop pod ${location.id}: it is ${ctx.pods.state(location)}`, {
        hint: `remove it instead: gantry rm ${text}`,
      });
    }
    if (wasRunning) await stopOne(ctx, { location, input }, options);
    if (ctx.pods.state(location) !== "checkpointed") await reapStopped(ctx, location);
    results.push({ pod: location.id, result: wasRunning ? "stopped" : "already-exited" });
  }
  return results;
}

async function stopOne(
  ctx: EngineContext,
  { location, input }: { readonly location: PodLocation; readonly input: StopInput },
  options: { readonly signal?: AbortSignal },
): Promise<void> {
  const files = ctx.pods.files(location);
  const manifest = readPodManifest(files);
  const stage1 = stage1Of(manifest);
  files.remove(CHECKPOINT_FILE); // left by a checkpoint that was killed before the pod had ended
  const hasEnded = () => ctx.pods.state(location) !== "running";
  ctx.events.report({ type: "pod.stopped", pod: location.id, forced: input.force });
  if (!input.force && manifest !== undefined) {
    // Before its systemd listens a pod would lose the request.
    await waitUntil(() => hasEnded() || areAppsStarted(ctx, { location, manifest }), START_GRACE_MS, options);
    if (stage1.isPaused?.(files, location.id) === true) await stage1.resume?.(files, location.id);
    await stage1.stop(files, manifest);
    if (await waitUntil(hasEnded, input.timeoutMs, options)) return;
    ctx.options.note(`pod ${location.id} did not stop within ${Math.round(input.timeoutMs / 1000)} s: killing it`);
  }
  await stage1.resume?.(files, location.id); // what is halted cannot die
  await stage1.kill(files, location.id);
  if (await waitUntil(hasEnded, KILL_GRACE_MS, options)) return;
  throw new PodError("pod/locked", `Cannot stop pod ${location.id}: something still holds it after SIGKILL`, {
    hint: "look for processes in uninterruptible sleep, then try again",
  });
}

async function reapStopped(ctx: EngineContext, location: PodLocation): Promise<void> {
  if (location.dir !== "run") return;
  using pod = await tryLockFor(ctx, location);
  if (pod !== undefined) await reapPod(ctx, pod);
}
