import { formatTimestamp } from "../base/clock.ts";
import { CHECKPOINT_FILE, writeCheckpoint } from "../pod/checkpoint-record.ts";
import { PodError } from "../pod/errors.ts";
import { Stage1Error } from "../stage1/errors.ts";
import type { EngineContext } from "./context.ts";
import { waitUntil } from "./pod-status.ts";
import type { CheckpointPodInput } from "./regime-calls.ts";
import { stage1Host } from "./regimes.ts";
import { findRunningPod, type RunningPod } from "./running-pod.ts";

const END_LIMIT_MS = 10_000;

/**
 * `checkpoint`: halts a pod and writes what its apps were doing, so that `restore` lets them go on from there. The pod keeps
 * its network, its files and its logs. When anything fails it goes on running.
 * @throws {PodError} "pod/wrong-state"; {Stage1Error} "stage1/unsupported", "stage1/unsupported-host", "stage1/checkpoint-failed"
 */
export async function checkpointPod(ctx: EngineContext, input: CheckpointPodInput): Promise<{ readonly uuid: string }> {
  const running = findRunningPod(ctx, input.pod, "checkpoint");
  const { location, files, manifest, stage1 } = running;
  if (stage1.checkpoint === undefined) throw neverCheckpointed(running);
  const { tcpEstablished, fileLocks } = input;
  const host = stage1Host(ctx, stage1.regime);
  files.remove(CHECKPOINT_FILE); // of one that was killed before the pod had ended
  await stage1.checkpoint(files, {
    manifest,
    host,
    leaveRunning: false,
    tcpEstablished,
    fileLocks,
    whenWritten: async (apps) => {
      ctx.events.report({ type: "pod.checkpointed", pod: location.id, apps, leaveRunning: false });
      writeCheckpoint(files, {
        version: 1,
        createdAt: formatTimestamp(ctx.clock.nowMs()),
        apps,
        tcpEstablished,
        fileLocks,
      });
    },
  });
  if (!(await waitUntil(() => ctx.pods.state(location) === "checkpointed", END_LIMIT_MS))) {
    throw new PodError("pod/locked", `Cannot finish the checkpoint of pod ${location.id}: something still holds it`, {
      hint: `it is written; look for processes that do not end, then: gantry restore ${location.id}`,
    });
  }
  return { uuid: location.id };
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
