import type { PodId } from "../../pod/names.ts";
import { SysError } from "../../sys/errors.ts";
import type { Files } from "../../sys/host.ts";
import { detectCgroupLayout } from "../../sys/linux/cgroup-layout.ts";
import { PodCgroup } from "../../sys/linux/pod-cgroup.ts";
import { kill } from "../../sys/linux/process-calls.ts";
import { podCgroupName } from "./cleanup.ts";
import { findSupervisor } from "./observe.ts";

const SIGKILL = 9;
const SIGTERM = 15;

/** Asks for an orderly end: nspawn passes it to the pod's systemd, which stops the apps. Nothing happens when it has ended. */
export function stopSystemdPod(pod: Files): void {
  signal(findSupervisor(pod), SIGTERM);
}

/** Ends the supervisor and everything in the pod's cgroup without asking. */
export async function killSystemdPod(pod: Files, id: PodId): Promise<void> {
  signal(findSupervisor(pod), SIGKILL);
  await PodCgroup.at(detectCgroupLayout(), podCgroupName(id)).killAll();
}

function signal(pid: number | undefined, number: number): void {
  if (pid === undefined) return;
  try {
    kill(pid, number);
  } catch (reason) {
    // Ended by itself in between.
    if (!(reason instanceof SysError && reason.data["errno"] === "ESRCH")) throw reason;
  }
}
