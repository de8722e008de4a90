import type { AppName } from "../../pod/names.ts";
import type { AppExit } from "../../pod/stage1-contract.ts";
import type { Files } from "../../sys/host.ts";
import { readProcStat } from "../../sys/linux/process-stat.ts";
import { wasShortOfMemory } from "../oom.ts";
import { findSupervisor } from "../supervisor.ts";

/** The app's process: the one the supervisor started, while it is still that supervisor's child. */
export function findFlyApp(pod: Files, { app }: { readonly app: AppName }): number | undefined {
  const supervisor = findSupervisor(pod);
  const path = `status/${app}.pid`;
  if (supervisor === undefined || !pod.has(path)) return undefined;
  const stat = readProcStat(Number(pod.readText(path, 32)));
  return stat === undefined || stat.state === "Z" || stat.parentPid !== supervisor ? undefined : stat.pid;
}

/** What the supervisor wrote down when the app ended. */
export function readFlyExit(pod: Files, app: AppName): AppExit | undefined {
  const path = `status/${app}`;
  const stat = pod.stat(path);
  if (stat === undefined) return undefined;
  const exitCode = Number(pod.readText(path, 16).trim());
  return { exitCode, oomKilled: exitCode === 137 && wasShortOfMemory(pod), exitedAtMs: stat.modifiedAtMs };
}

/** The only app's code is the pod's, if it is one of failure. */
export function readFlyPodExit(pod: Files): number | undefined {
  const [app] = pod.list("status").filter((name) => !name.includes("."));
  const code = app === undefined ? 0 : Number(pod.readText(`status/${app}`, 16).trim());
  return code === 0 ? undefined : code;
}
