import type { PodManifest } from "../pod/manifest.ts";
import type { PodId } from "../pod/names.ts";
import { detectCgroupLayout } from "../sys/linux/cgroup-layout.ts";
import { PodCgroup } from "../sys/linux/pod-cgroup.ts";
import { Stage1Error } from "./errors.ts";
import { sumLimits } from "./pod-limits.ts";

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
  if (cgroup.tryRemove()) return; // the kernel keeps one that anybody is in
  await cgroup.killAll();
  await cgroup.remove();
}

/**
 * Puts the limits of a pod's apps into force on the one cgroup they share; its supervisor is counted with them.
 * @throws {Stage1Error} "stage1/unsupported-host" for a limit this host has no controller for
 */
export function limitPodCgroup({ apps }: Pick<PodManifest, "apps">, cgroup: PodCgroup): void {
  const { pids, ...rest } = sumLimits(apps);
  const missing = cgroup.setLimits({ ...rest, ...(pids === undefined ? {} : { pids: pids + 1 }) });
  if (missing.length === 0) return;
  throw new Stage1Error(
    "stage1/unsupported-host",
    `Cannot limit ${missing.join(", ")}: this host has no such controller`,
    {
      hint: "see which controllers this host has: gantry doctor",
      data: { missing },
    },
  );
}
