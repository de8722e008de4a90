import { readFileSync, statSync } from "node:fs";
import { listChildren } from "./process-stat.ts";

/** Paths of a process in every cgroup hierarchy; empty when it has ended. Spec: cgroups(7), "/proc/[pid]/cgroup". */
export function readCgroupPaths(pid: number): string[] {
  return readProcFile(pid, "cgroup")
    .split("\n")
    .flatMap((line) => (line === "" ? [] : [line.split(":").slice(2).join(":")]));
}

/** The kernel's short name of a process; systemd puts it in parentheses between fork and exec. "" when it has ended. */
export function readComm(pid: number): string {
  return readProcFile(pid, "comm").trimEnd();
}

/** Direct children of a process's main thread, from the kernel's own list where it keeps one. */
export function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1");
    return text
      .split(" ")
      .filter((word) => word !== "")
      .map(Number);
  } catch {
    // No such list (CONFIG_PROC_CHILDREN) or the process has ended: look at all processes.
    return listChildren(pid);
  }
}

function readProcFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    // Ended, or never was.
    return "";
  }
}

/** Whether two processes have the same root directory; false when one is gone. */
export function haveSameRoot(pid: number, other: number): boolean {
  try {
    const [one, two] = [pid, other].map((each) => statSync(`/proc/${each}/root/`));
    return one?.dev === two?.dev && one?.ino === two?.ino;
  } catch {
    return false; // gone: it has none
  }
}
