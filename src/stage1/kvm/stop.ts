import type { AppLimits } from "../../pod/limits.ts";
import type { AppName, PodId } from "../../pod/names.ts";
import type { Files } from "../../sys/host.ts";
import { SIGKILL } from "../../sys/linux/constants.ts";
import { podCgroup } from "../pod-cgroups.ts";
import { renderLimits } from "../pod-limits.ts";
import { findSupervisor, signalProcess } from "../supervisor.ts";
import { sendRequest } from "./send-request.ts";

/** Asks the guest to end in order. Nothing happens when it has ended. */
export function stopKvmPod(pod: Files): void {
  sendRequest(pod, "stop");
}

/** Asks the guest to change an app's limits. */
export function updateKvmApp(pod: Files, { app, limits }: { readonly app: AppName; readonly limits: AppLimits }): void {
  const { pids, ...others } = limits;
  const lines = renderLimits({ limits: pids === undefined ? others : limits });
  const wanted = lines.filter((line) => pids !== undefined || !line.startsWith("TasksMax="));
  if (wanted.length > 0) sendRequest(pod, `update ${app} ${wanted.join(" ")}`);
}

/** Ends the machine at once. */
export async function killKvmPod(pod: Files, id: PodId): Promise<void> {
  signalProcess(findSupervisor(pod), SIGKILL);
  await podCgroup(id).killAll();
}
