import type { EngineEvent } from "../audit/events.ts";
import { formatTimestamp } from "../base/clock.ts";
import { detachAll } from "../network/attach-all.ts";
import { NetworkError } from "../network/errors.ts";
import { isCheckpointed } from "../pod/checkpoint-record.ts";
import { type LockedPod, readPodManifest } from "../pod/pod-store.ts";
import type { AppExit } from "../pod/stage1-contract.ts";
import type { Files } from "../sys/host.ts";
import { removeNetNamespace } from "../sys/linux/net-namespace.ts";
import type { EngineContext } from "./context.ts";
import { removeUserNamespace } from "./make-user-namespace.ts";
import { pluginHost } from "./plugin-host.ts";
import { stage1Of } from "./regimes.ts";

/** How a pod ended, written once by whoever noticed first. */
export interface ReapedPod {
  readonly exitCode: number;
  readonly exitedAt: string;
}

const REAPED = "reaped.json";

/** The note of an earlier reaping; undefined while there is none. */
export function readReaped(pod: Files): ReapedPod | undefined {
  if (!pod.has(REAPED)) return undefined;
  const text = pod.readText(REAPED, 4096);
  if (text === "") return undefined; // the disk never got it
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const { exitCode, exitedAt } = parsed as { exitCode?: unknown; exitedAt?: unknown };
  return typeof exitCode === "number" && typeof exitedAt === "string" ? { exitCode, exitedAt } : undefined;
}

/** Where a pod's network namespace is kept while it may still have attachments. */
export function netnsPath(ctx: EngineContext, id: string): string {
  return ctx.run.path(`netns/${id}`);
}

/**
 * Takes back what an ended pod still has on the host: left-over processes, addresses, rules, namespace, cgroups; and
 * reports how its apps ended. Idempotent and safe to interrupt: the note that it is done is written last.
 * @throws {NetworkError} when a plugin refuses to let go; the next call tries again. With `force` that is only noted.
 */
export async function reapPod(
  ctx: EngineContext,
  pod: LockedPod,
  { force = false, signal }: { readonly force?: boolean; readonly signal?: AbortSignal } = {},
): Promise<ReapedPod> {
  const files = pod.files();
  const before = readReaped(files);
  if (before !== undefined) return before;
  const manifest = readPodManifest(files);
  const stage1 = stage1Of(manifest);
  await stage1.kill(files, pod.id);
  await giveWay(signal);
  try {
    await detachAll(pluginHost(ctx, files, [pod.lock.fd]));
  } catch (reason) {
    if (!force || !(reason instanceof NetworkError)) throw reason;
    ctx.options.note(`a network of pod ${pod.id} was not left in order: ${reason.message}`);
  }
  removeNetNamespace(netnsPath(ctx, pod.id));
  removeUserNamespace(ctx, pod.id);
  await giveWay(signal);
  const exits: (AppExit | undefined)[] = [];
  const events: EngineEvent[] = [];
  for (const app of manifest?.apps ?? []) {
    const exit = stage1.appExit(files, app.name);
    exits.push(exit);
    if (exit === undefined) continue;
    const oom = exit.oomKilled ? { oomKilled: true } : {};
    const image = { name: app.image.name, digest: app.image.digest };
    const occurredAt = formatTimestamp(exit.exitedAtMs);
    const event = { pod: pod.id, app: app.name, exitCode: exit.exitCode, ...oom, image, occurredAt };
    events.push({ type: "app.exited", ...event });
  }
  await stage1.cleanup(files, pod.id);
  await giveWay(signal);
  const exitCode = stage1.podExit(files) ?? (exits.some((exit) => exit === undefined) ? 255 : 0);
  const exitedAtMs = Math.max(0, ...exits.map((exit) => exit?.exitedAtMs ?? 0)) || ctx.clock.nowMs();
  const reaped: ReapedPod = { exitCode, exitedAt: formatTimestamp(exitedAtMs) };
  if (files.has("started.json") && !isCheckpointed(files)) {
    events.push({ type: "pod.exited", pod: pod.id, exitCode, occurredAt: reaped.exitedAt });
  }
  ctx.events.reportTogether(events);
  files.replace(REAPED, JSON.stringify(reaped), 0o600); // lost in a crash of the machine, it is found out again
  return reaped;
}

/** Lets what is more urgent go first: reaping mostly happens beside something else. Rejects when aborted. */
async function giveWay(signal: AbortSignal | undefined): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  signal?.throwIfAborted();
}

/**
 * Reaps every pod that has ended unnoticed, and returns how many there were. A pod somebody else is busy with is left to
 * them; failures are noted, not thrown. When aborted it ends soon, and whoever comes next goes on from there.
 */
export async function reapEndedPods(
  ctx: EngineContext,
  options: { readonly signal?: AbortSignal } = {},
): Promise<number> {
  let reaped = 0;
  const isLeft = () => options.signal?.aborted === true;
  for (const location of ctx.pods.list()) {
    if (isLeft()) return reaped;
    if (location.dir !== "run" || readReapedSafely(ctx.pods.files(location)) !== undefined) continue;
    if (isCheckpointed(ctx.pods.files(location))) continue;
    using pod = ctx.pods.tryLock(location);
    if (pod === undefined || isCheckpointed(pod.files())) continue;
    try {
      await reapPod(ctx, pod, options);
      reaped++;
    } catch (reason) {
      if (isLeft()) return reaped;
      ctx.options.note(
        `cannot clean up after pod ${pod.id} yet: ${reason instanceof Error ? reason.message : String(reason)}`,
      );
    }
  }
  return reaped;
}

/** Reaping for the time when the caller waits for something else. */
export interface Reaping {
  readonly isOver: boolean;
  /** Begins it, once. Resolves with the number of pods when everything is taken back, rejects as `reapEndedPods` does; nobody has to wait. */
  start(): Promise<number>;
  /** Nobody waits for it any longer: it ends soon, wherever it is. */
  leave(): void;
}

/** `reapEndedPods`, to be started beside plugins or programs: they mostly wait, for the kernel and for one another. */
export function planReaping(ctx: EngineContext): Reaping {
  let isOver = false;
  let running: Promise<number> | undefined;
  const left = new AbortController();
  return {
    leave: () => left.abort(),
    start: () => {
      if (running === undefined) {
        running = reapEndedPods(ctx, { signal: left.signal }).finally(() => {
          isOver = true;
        });
        running.catch(() => undefined);
      }
      return running;
    },
    get isOver() {
      return isOver;
    },
  };
}

function readReapedSafely(files: Files): ReapedPod | undefined {
  try {
    return readReaped(files);
  } catch {
    // Removed or being written by another process: the locked look that follows decides.
    return undefined;
  }
}
