import type { PodId } from "../../pod/names.ts";
import type { Files } from "../../sys/host.ts";
import { wasShortOfMemory } from "../oom.ts";
import { podCgroup } from "../pod-cgroups.ts";
import { findSupervisor, signalProcess } from "../supervisor.ts";

const SIGKILL = 9;
const SIGTERM = 15;

/** Asks for an orderly end: nspawn passes it to the pod's systemd, which stops the apps. Nothing happens when it has ended. */
export async function stopSystemdPod(pod: Files): Promise<void> {
  signalProcess(findSupervisor(pod), SIGTERM);
}

/** Ends the supervisor and everything in the pod's cgroup without asking. */
export async function killSystemdPod(pod: Files, id: PodId): Promise<void> {
  signalProcess(findSupervisor(pod), SIGKILL);
  wasShortOfMemory(pod); // noted while the cgroup still tells
  await podCgroup(id).killAll();
}
