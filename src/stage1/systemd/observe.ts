import type { AppName } from "../../pod/names.ts";
import type { AppExit } from "../../pod/stage1-contract.ts";
import type { Files } from "../../sys/host.ts";
import { readProcStat } from "../../sys/linux/process-stat.ts";
import { childrenOf, haveSameRoot, readCgroupPaths, readComm } from "../../sys/linux/process-tree.ts";
import { wasShortOfMemory } from "../oom.ts";
import { findSupervisor } from "../supervisor.ts";
import { appUnitName } from "../units.ts";

/** The pod's own PID 1 as the host numbers it. */
export function findLeader(pod: Files): number | undefined {
  const supervisor = findSupervisor(pod);
  // tee and cat are children of the supervisor too; only the pod's systemd has a cgroup path ending so.
  return supervisor === undefined
    ? undefined
    : childrenOf(supervisor).find((pid) => readCgroupPaths(pid).some((path) => path.endsWith("/init.scope")));
}

/** Host pid of an app's main process: the oldest child of the pod's systemd in the app's own cgroup that runs its program. */
export function findAppPid(pod: Files, { app }: { readonly app: AppName }): number | undefined {
  const leader = findLeader(pod);
  if (leader === undefined) return undefined;
  const unit = `/${appUnitName(app)}`;
  const members = childrenOf(leader).flatMap((pid) => {
    if (!readCgroupPaths(pid).some((path) => path.endsWith(unit))) return [];
    const stat = readProcStat(pid);
    // Between fork and exec systemd names its child after the program, in parentheses; before that it still has its root.
    const isOnItsWay = haveSameRoot(pid, leader) || readComm(pid).startsWith("(");
    return stat === undefined || stat.state === "Z" || isOnItsWay ? [] : [{ pid, startTicks: stat.startTicks }];
  });
  return members.sort((a, b) => a.startTicks - b.startTicks || a.pid - b.pid)[0]?.pid;
}

/** What the pod's systemd recorded when the app ended. */
export function readAppExit(pod: Files, app: AppName): AppExit | undefined {
  const rel = `shared/status/${app}`;
  const stat = pod.stat(rel);
  if (stat === undefined) return undefined;
  const [, code, result] = /^exitCode=(\d+) result=(\S*)/.exec(pod.readText(rel, 4096)) ?? [];
  // Created but not written yet.
  if (code === undefined) return undefined;
  return {
    exitCode: Number(code),
    oomKilled: result === "oom-kill" || (Number(code) === 137 && wasShortOfMemory(pod)),
    exitedAtMs: stat.modifiedAtMs,
  };
}

/** Exit code of the pod: that of the first app that failed; undefined when none did. */
export function readPodExit(pod: Files): number | undefined {
  if (!pod.has("shared/exit-code")) return undefined;
  const code = Number(pod.readText("shared/exit-code", 16).trim());
  return Number.isInteger(code) ? code : undefined;
}
