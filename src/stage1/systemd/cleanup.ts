import type { PodId } from "../../pod/names.ts";
import { detectCgroupLayout } from "../../sys/linux/cgroup-layout.ts";
import { PodCgroup } from "../../sys/linux/pod-cgroup.ts";

/** Name of a pod's cgroup beneath our own part of every hierarchy. */
export function podCgroupName(uuid: string): string {
  return `pod-${uuid}`;
}

/** Kills whatever is left of a pod and removes its cgroups. Idempotent, also for a pod that never started. */
export async function cleanupSystemdPod(id: PodId): Promise<void> {
  const cgroup = PodCgroup.at(detectCgroupLayout(), podCgroupName(id));
  await cgroup.killAll();
  await cgroup.remove();
}
