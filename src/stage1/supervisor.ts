import { SysError } from "../sys/errors.ts";
import type { Files } from "../sys/host.ts";
import { kill } from "../sys/linux/process-calls.ts";
import { readProcStat } from "../sys/linux/process-stat.ts";

/** Keeps who supervises the pod: the number and, against its reuse, the moment it started. */
export function writeSupervisor(pod: Files, pid: number): void {
  pod.writePlain("pid", `${pid} ${readProcStat(pid)?.startTicks ?? 0}\n`, 0o600);
}

/** There is none after all. */
export function forgetSupervisor(pod: Files): void {
  pod.remove("pid");
}

/** The supervisor of a pod, if the process that `pid` names is still the one that was started. */
export function findSupervisor(pod: Files): number | undefined {
  if (!pod.has("pid")) return undefined;
  const [, pidText, startText] = /^(\d+) (\d+)\n$/.exec(pod.readText("pid", 64)) ?? [];
  const stat = pidText === undefined ? undefined : readProcStat(Number(pidText));
  if (stat === undefined || stat.state === "Z" || stat.startTicks !== Number(startText)) return undefined;
  return Number(pidText);
}

/** Sends a signal to a process that may just have ended. */
export function signalProcess(pid: number | undefined, signal: number): void {
  if (pid === undefined) return;
  try {
    kill(pid, signal);
  } catch (reason) {
    // Ended by itself in between.
    if (!(reason instanceof SysError && reason.data["errno"] === "ESRCH")) throw reason;
  }
}
