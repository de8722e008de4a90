import type { PodId } from "../pod/names.ts";
import { detectCgroupLayout } from "../sys/linux/cgroup-layout.ts";
import { PodCgroup } from "../sys/linux/pod-cgroup.ts";

/** Name of a pod's cgroup beneath our own part of every hierarchy. */
export function podCgroupName(uuid: string): string {
  return `pod-${uuid}`;
}

/** The pod's cgroup, which may not exist. */
export function podCgroup(id: PodId): PodCgroup {
  return PodCgroup.at(detectCgroupLayout(), podCgroupName(id));
}

/** Kills whatever is left of a pod and removes its cgroups. Idempotent, also for a pod that never started. */
export async function removePodCgroups(id: PodId): Promise<void> {
  const cgroup = podCgroup(id);
  await cgroup.killAll();
  await cgroup.remove();
}
