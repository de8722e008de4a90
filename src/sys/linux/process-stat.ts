import { readdirSync, readFileSync } from "node:fs";

/** One line of /proc about a process. */
export interface ProcessStat {
  readonly pid: number;
  readonly state: string;
  readonly parentPid: number;
  /** Clock ticks since boot; with the pid it identifies a process for good. */
  readonly startTicks: number;
}

/** Facts of a process, or undefined when there is none. Spec: proc_pid_stat(5). */
export function readProcStat(pid: number): ProcessStat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { pid, state: fields[0] ?? "?", parentPid: Number(fields[1]), startTicks: Number(fields[19]) };
  } catch {
    return undefined; // ended, or never was
  }
}

/** Whether the process runs: a zombie does not, nor one that started at another moment than `startTicks`. */
export function isProcessAlive(pid: number, startTicks?: number): boolean {
  const stat = readProcStat(pid);
  if (stat === undefined || stat.state === "Z" || stat.state === "X") return false;
  return startTicks === undefined || stat.startTicks === startTicks;
}

/** Pids of the direct children, in ascending order. */
export function listChildren(pid: number): number[] {
  const pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
  return pids.filter((child) => readProcStat(child)?.parentPid === pid).sort((a, b) => a - b);
}

/** A field of this thread's /proc status, without white space around it. Spec: proc_pid_status(5). */
export function readStatusField(name: string): string | undefined {
  const lines = readFileSync("/proc/thread-self/status", "latin1").split("\n");
  return lines
    .find((line) => line.startsWith(`${name}:`))
    ?.slice(name.length + 1)
    .trim();
}
