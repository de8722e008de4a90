import { resolve } from "node:path";
import { isCheckpointed } from "../pod/checkpoint-record.ts";
import { PodError } from "../pod/errors.ts";
import type { PodName } from "../pod/names.ts";
import { type LockedPod, type PodLocation, readPodManifest } from "../pod/pod-store.ts";
import { isProcessAlive, readProcStat } from "../sys/linux/process-stat.ts";
import { selfArgv } from "../sys/linux/self.ts";
import type { EngineContext } from "./context.ts";
import type { CollectInput } from "./engine-calls.ts";
import { waitUntil } from "./pod-status.ts";
import { stage1Of } from "./regimes.ts";
import { destroyPod } from "./remove-pods.ts";
import { tryLockFor } from "./try-lock.ts";

const ATTEMPTS = 50;
const PAUSE_MS = 100;
const LAUNCHER_LIMIT_MS = 60_000;

/** Waits for the lock in $0 and gives it back. */
const WAIT = 'cd /; exec < /dev/null > /dev/null 2>&1; flock --shared "$0" true; exec "$@"';

/**
 * Leaves a process behind that removes the pod once nobody holds its lock any more: a shell and flock(1), which become
 * this program for that moment only. It is no child of ours, which a supervisor might wait for. When it is killed, or the
 * host goes down, `gc` does it.
 */
export async function removeWhenEnded(ctx: EngineContext, pod: LockedPod): Promise<void> {
  const { rootDir, configDirs } = ctx.options;
  const [, , config] = configDirs;
  const flags = [`--root=${resolve(rootDir)}`, ...(config === undefined ? [] : [`--config=${resolve(config)}`])];
  const launcher = [String(process.pid), String(readProcStat(process.pid)?.startTicks ?? 0)];
  const env = Object.entries(ctx.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  await ctx.programs.run({
    argv: [
      ...(["setsid", "--fork", "sh", "-c", WAIT, resolve(pod.files().root)] as const),
      ...[...selfArgv(), ...flags, "--quiet", "__collect", pod.id, ...launcher],
    ],
    env: Object.fromEntries(env),
  });
}

/** Removes a pod that was to be removed once nobody holds its lock; one that does not end soon it leaves alone. */
export async function collectPod(ctx: EngineContext, input: CollectInput): Promise<void> {
  const { launcher } = input;
  if (launcher !== undefined)
    await waitUntil(() => !isProcessAlive(launcher.pid, launcher.startTicks), LAUNCHER_LIMIT_MS);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const location = find(ctx, input.pod);
    if (location === undefined || !["run", "exited-garbage"].includes(location.dir)) return;
    const files = ctx.pods.files(location);
    if (!isAutoRemoved(ctx, location) || isCheckpointed(files)) return;
    const pod = await tryLockFor(ctx, location);
    if (pod !== undefined && isCheckpointed(pod.files())) return pod[Symbol.dispose](); // since we looked
    if (pod !== undefined) return await destroyPod(ctx, pod);
    await Bun.sleep(PAUSE_MS); // somebody takes its network back
  }
}

/** Claims a name, if need be from a pod that has ended and is about to be removed. @throws {PodError} "pod/name-taken" */
export async function claimPodName(ctx: EngineContext, name: PodName, pod: LockedPod): Promise<void> {
  try {
    ctx.pods.claimName(name, pod.id);
  } catch (reason) {
    if (!(reason instanceof PodError && reason.code === "pod/name-taken")) throw reason;
    const holder = find(ctx, name);
    if (holder !== undefined && !isOver(ctx, holder)) throw reason;
    if (holder !== undefined) await collectPod(ctx, { pod: holder.id });
    ctx.pods.claimName(name, pod.id);
  }
}

/** Whether the pod was to be removed at its end. */
export function isAutoRemoved(ctx: EngineContext, location: PodLocation): boolean {
  try {
    return readPodManifest(ctx.pods.files(location))?.autoRemove === true;
  } catch {
    return false; // gone in between, or damaged: then somebody has to look at it
  }
}

/** Whether the apps of such a pod have all ended, though somebody may still hold its lock to clean up. */
function isOver(ctx: EngineContext, location: PodLocation): boolean {
  if (!isAutoRemoved(ctx, location)) return false;
  if (ctx.pods.state(location) !== "running") return true;
  const files = ctx.pods.files(location);
  const manifest = readPodManifest(files);
  return manifest?.apps.every(({ name }) => stage1Of(manifest).appExit(files, name) !== undefined) === true;
}

function find(ctx: EngineContext, text: string): PodLocation | undefined {
  try {
    return ctx.pods.find(text);
  } catch (reason) {
    if (reason instanceof PodError && reason.code === "pod/not-found") return undefined;
    throw reason;
  }
}
