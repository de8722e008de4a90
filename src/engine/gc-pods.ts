import { formatReason } from "../base/errors.ts";
import { isCheckpointed } from "../pod/checkpoint-record.ts";
import type { PodLocation } from "../pod/pod-store.ts";
import { isAutoRemoved } from "./auto-remove.ts";
import type { EngineContext } from "./context.ts";
import type { GcPodsResult } from "./engine-calls.ts";
import { reapPod } from "./reap-pod.ts";
import { destroyPod } from "./remove-pods.ts";
import { tryLockFor } from "./try-lock.ts";

/** How long things may lie. */
export interface GcPodsInput {
  /** After marking. */
  readonly graceMs: number;
  /** After preparing. */
  readonly expirePreparedMs: number;
  readonly markOnly: boolean;
  readonly dryRun: boolean;
}

/**
 * Garbage-collects pods: ended ones are taken off the host and marked, marked ones removed after the grace period,
 * broken-off and expired ones removed. A pod that is in use, or cannot be cleaned up now, is left for the next time.
 */
export async function gcPods(ctx: EngineContext, input: GcPodsInput): Promise<GcPodsResult> {
  const marked: string[] = [];
  const removed: string[] = [];
  for (const location of ctx.pods.list()) {
    const step = planStep(ctx, location, input);
    if (step === "keep") continue;
    if (input.dryRun) {
      if (ctx.pods.state(location) !== "running") (step === "mark" ? marked : removed).push(location.id);
      continue;
    }
    using pod = await tryLockFor(ctx, location);
    if (pod === undefined) continue;
    if (pod.dir === "run" && isCheckpointed(pod.files())) continue; // since we looked
    try {
      if (step === "mark") {
        await reapPod(ctx, pod);
        pod.move("mark-exited");
        marked.push(pod.id);
        if (input.markOnly || input.graceMs > 0) continue;
      }
      await destroyPod(ctx, pod);
      removed.push(pod.id);
    } catch (reason) {
      ctx.options.note(`cannot collect pod ${location.id} yet: ${formatReason(reason)}`);
    }
  }
  if (!input.dryRun) ctx.pods.releaseLostNames();
  return { marked, removed };
}

function planStep(ctx: EngineContext, location: PodLocation, input: GcPodsInput): "keep" | "mark" | "remove" {
  const isOlderThan = (ms: number) => {
    const stat = ctx.pods.stat(location);
    return stat !== undefined && ctx.clock.nowMs() - stat.changedAtMs >= ms;
  };
  switch (location.dir) {
    case "run":
      if (isCheckpointed(ctx.pods.files(location))) return "keep";
      return isAutoRemoved(ctx, location) && !input.markOnly ? "remove" : "mark";
    case "prepared":
      return isOlderThan(input.expirePreparedMs) && !input.markOnly ? "remove" : "keep";
    case "exited-garbage":
      return isOlderThan(input.graceMs) && !input.markOnly ? "remove" : "keep";
    default:
      return input.markOnly ? "keep" : "remove";
  }
}
