import type { AppLimits } from "../../pod/limits.ts";
import type { AppName, PodId } from "../../pod/names.ts";
import type { Files } from "../../sys/host.ts";
import { AT_FDCWD, O_NONBLOCK, O_WRONLY, SIGKILL } from "../../sys/linux/constants.ts";
import { openat2, write } from "../../sys/linux/fs-calls.ts";
import { hasErrno } from "../../sys/linux/libc.ts";
import { OwnedFd } from "../../sys/linux/owned-fd.ts";
import { podCgroup } from "../pod-cgroups.ts";
import { renderLimits } from "../pod-limits.ts";
import { findSupervisor, signalProcess } from "../supervisor.ts";
import { CONTROL_FIFO } from "./ports.ts";

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

function sendRequest(pod: Files, line: string): void {
  try {
    using fifo = new OwnedFd(openat2(AT_FDCWD, pod.path(CONTROL_FIFO), { flags: O_WRONLY | O_NONBLOCK }));
    write(fifo.fd, new TextEncoder().encode(`${line}\n`));
  } catch (reason) {
    // Nobody listens any more: the guest has ended by itself, or is beyond asking.
    if (!hasErrno(reason, "ENXIO", "ENOENT", "EAGAIN")) throw reason;
  }
}

/** Ends the machine at once. */
export async function killKvmPod(pod: Files, id: PodId): Promise<void> {
  signalProcess(findSupervisor(pod), SIGKILL);
  await podCgroup(id).killAll();
}
