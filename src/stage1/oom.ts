import { isPodId, parsePodId } from "../pod/names.ts";
import type { Files } from "../sys/host.ts";
import { readCgroupUse } from "../sys/linux/cgroup-use.ts";
import { podCgroup } from "./pod-cgroups.ts";

const NOTE = "oom-killed";

/** Whether the kernel has ended a process of the pod for want of memory; keeps the answer for when its cgroup is gone. */
export function wasShortOfMemory(pod: Files): boolean {
  if (pod.has(NOTE)) return true;
  const id = pod.root.slice(pod.root.lastIndexOf("/") + 1);
  if (!isPodId(id) || (readCgroupUse(podCgroup(parsePodId(id))).oomKills ?? 0) === 0) return false;
  pod.writePlain(NOTE, "", 0o600);
  return true;
}
