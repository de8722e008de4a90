import type { AppLimits } from "../../pod/limits.ts";
import type { PodManifest } from "../../pod/manifest.ts";
import type { AppName, PodId } from "../../pod/names.ts";
import type { Files } from "../../sys/host.ts";
import { SIGKILL } from "../../sys/linux/constants.ts";
import { Stage1Error } from "../errors.ts";
import { podCgroup } from "../pod-cgroups.ts";
import { renderLimits } from "../pod-limits.ts";
import { findSupervisor, signalProcess } from "../supervisor.ts";
import { GUEST_OVERHEAD_MIB, planMachineSize } from "./machine-size.ts";
import { sendRequest } from "./send-request.ts";

const MIB = 1024 * 1024;

/** Asks the guest to end in order. Nothing happens when it has ended. */
export function stopKvmPod(pod: Files): void {
  sendRequest(pod, "stop");
}

/** Asks the guest to change an app's limits. @throws {Stage1Error} "stage1/unsupported" for more than its machine has */
export function updateKvmApp(
  pod: Files,
  { manifest, app, limits }: { readonly manifest: PodManifest; readonly app: AppName; readonly limits: AppLimits },
): void {
  assertWithinMachine(manifest, limits);
  const { pids, ...others } = limits;
  const lines = renderLimits({ limits: pids === undefined ? others : limits });
  const wanted = lines.filter((line) => pids !== undefined || !line.startsWith("TasksMax="));
  if (wanted.length > 0) sendRequest(pod, `update ${app} ${wanted.join(" ")}`);
}

function assertWithinMachine(manifest: PodManifest, { memoryBytes = 0, cpuMillis = 0 }: AppLimits): void {
  const { memoryMib, cpus } = planMachineSize(manifest);
  const appsMib = memoryMib - GUEST_OVERHEAD_MIB;
  const [what, has] =
    memoryBytes > appsMib * MIB
      ? ["memory", `${appsMib} MiB for its apps`]
      : cpuMillis > cpus * 1000
        ? ["processor time", `${cpus} processor${cpus === 1 ? "" : "s"}`]
        : [];
  if (what === undefined) return;
  throw new Stage1Error("stage1/unsupported", `Cannot give an app more ${what} than its virtual machine has: ${has}`, {
    hint: "start the pod anew with the limit: the size of a machine is decided at its start",
  });
}

/** Ends the machine at once. */
export async function killKvmPod(pod: Files, id: PodId): Promise<void> {
  signalProcess(findSupervisor(pod), SIGKILL);
  await podCgroup(id).killAll();
}
