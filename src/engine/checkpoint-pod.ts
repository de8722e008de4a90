import { formatTimestamp } from "../base/clock.ts";
import type { Digest } from "../image/digest.ts";
import { CHECKPOINT_DIR, CHECKPOINT_FILE, type CheckpointRecord, writeCheckpoint } from "../pod/checkpoint-record.ts";
import { PodError } from "../pod/errors.ts";
import { lockCheckpoint } from "../pod/lock-checkpoint.ts";
import type { AppName } from "../pod/names.ts";
import { Stage1Error } from "../stage1/errors.ts";
import type { EngineContext } from "./context.ts";
import { openPodExport } from "./export-pod.ts";
import { waitUntil } from "./pod-status.ts";
import type { CheckpointedPod, CheckpointPodInput } from "./regime-calls.ts";
import { stage1Host } from "./regimes.ts";
import { restorePod } from "./restore-pod.ts";
import { recheckPod } from "./run-pod.ts";
import { findRunningPod, type RunningPod } from "./running-pod.ts";

const END_LIMIT_MS = 10_000;

/**
 * `checkpoint`: halts a pod and writes what its apps were doing, so that `restore` lets them go on from there. The pod keeps
 * its network, its files and its logs. When anything fails it goes on running.
 * @throws {PodError} "pod/wrong-state"; {Stage1Error} "stage1/unsupported", "stage1/unsupported-host", "stage1/checkpoint-failed"
 */
export async function checkpointPod(
  ctx: EngineContext,
  input: CheckpointPodInput,
  options: { readonly signal?: AbortSignal } = {},
): Promise<CheckpointedPod> {
  const running = findRunningPod(ctx, input.pod, "checkpoint");
  const { location, files } = running;
  const { isRunning, ...exported } = await haltPod(ctx, running, input);
  const result = { uuid: location.id, ...exported };
  if (isRunning) {
    files.remove(CHECKPOINT_DIR);
    return result;
  }
  if (!(await waitUntil(() => ctx.pods.state(location) === "checkpointed", END_LIMIT_MS))) {
    throw new PodError("pod/locked", `Cannot finish the checkpoint of pod ${location.id}: something still holds it`, {
      hint: `it is written; look for processes that do not end, then: gantry restore ${location.id}`,
    });
  }
  if (input.leaveRunning) await restorePod(ctx, { pod: location.id, keep: false }, options);
  return result;
}

/** Nobody takes the pod for one that has ended until it is written, even if its regime has to end it for that. */
async function haltPod(
  ctx: EngineContext,
  running: RunningPod,
  { leaveRunning, tcpEstablished, fileLocks, output }: CheckpointPodInput,
): Promise<{ readonly isRunning: boolean; readonly digest?: Digest }> {
  const { location, files, manifest, stage1 } = running;
  if (stage1.checkpoint === undefined) throw neverCheckpointed(running);
  using _lock = lockCheckpoint(files, location.id);
  // It would end, and then not start again.
  if (leaveRunning && stage1.checkpointEnds === true) await recheckPod(ctx, manifest);
  using archive = output === undefined ? undefined : openPodExport(ctx, output);
  let exported: { readonly digest?: Digest } = {};
  const commit = (apps: readonly AppName[], hasEnded: boolean) => {
    const createdAt = formatTimestamp(ctx.clock.nowMs());
    const record: CheckpointRecord = { version: 1, createdAt, apps, tcpEstablished, fileLocks };
    // What has ended already must not be lost with a disk that is too full for its archive.
    if (hasEnded) writeCheckpoint(files, record);
    if (archive !== undefined) exported = { digest: archive.write({ files, manifest, stage1, record }) };
    const { digest } = exported;
    const event = { type: "pod.checkpointed", pod: location.id, apps, leaveRunning } as const;
    ctx.events.report(digest === undefined ? event : { ...event, exportDigest: digest });
    if (!hasEnded && !leaveRunning) writeCheckpoint(files, record);
  };
  files.remove(CHECKPOINT_FILE); // of one that was killed before the pod had ended
  const { isRunning } = await stage1.checkpoint(files, {
    manifest,
    host: stage1Host(ctx, stage1.regime),
    leaveRunning,
    tcpEstablished,
    fileLocks,
    whenWritten: async ({ apps, hasEnded }) => commit(apps, hasEnded),
  });
  return { isRunning, ...exported };
}

function neverCheckpointed({ stage1 }: RunningPod): Stage1Error {
  const why: Readonly<Record<string, string>> = {
    systemd: "its systemd keeps ties to the host that no checkpoint has",
    kvm: "the state of a machine is tied to the programs that share files with it",
    fly: "it shares everything with the host",
  };
  const reason = why[stage1.regime] ?? "it does not offer that";
  return new Stage1Error("stage1/unsupported", `Cannot checkpoint a pod of the ${stage1.regime} regime: ${reason}`, {
    hint: "run the pod under a regime that can: gantry run --stage1=gvisor, or --stage1=oci --runtime=runc",
  });
}
