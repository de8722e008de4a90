import { type AppName, parseAppName } from "../../pod/names.ts";
import type { AppExit } from "../../pod/stage1-contract.ts";
import type { Files } from "../../sys/host.ts";
import { readProcStat } from "../../sys/linux/process-stat.ts";
import { findSupervisor } from "../supervisor.ts";

const MAX_BYTES = 256;

/** The app's process, if the stage1 tells and it is still the one that was started. */
export function findExternalApp(pod: Files, { app }: { readonly app: AppName }): number | undefined {
  const path = `apps/${app}/pid`;
  if (!pod.has(path)) return undefined;
  const [, pid, ticks] = /^(\d+) (\d+)\n?$/.exec(pod.readText(path, MAX_BYTES)) ?? [];
  const stat = pid === undefined ? undefined : readProcStat(Number(pid));
  return stat === undefined || stat.state === "Z" || stat.startTicks !== Number(ticks) ? undefined : stat.pid;
}

/** Whether the app runs; of one whose process the host cannot see, the supervisor and the missing exit tell. */
export function isExternalAppRunning(pod: Files, which: { readonly app: AppName }): boolean {
  if (pod.has(`apps/${which.app}/pid`)) return findExternalApp(pod, which) !== undefined;
  return pod.has("ready") && findSupervisor(pod) !== undefined && !pod.has(`status/${which.app}`);
}

/** How an app ended, as its stage1 wrote it. What is no exit code counts as 255. */
export function readExternalExit(pod: Files, app: AppName): AppExit | undefined {
  const path = `status/${app}`;
  const stat = pod.stat(path);
  if (stat === undefined) return undefined;
  const [, code, oom] = /^(\d{1,3})( oom)?\n?$/.exec(pod.readText(path, MAX_BYTES)) ?? [];
  const exitCode = code === undefined || Number(code) > 255 ? 255 : Number(code);
  return { exitCode, oomKilled: oom !== undefined, exitedAtMs: stat.modifiedAtMs };
}

/** Code of the first app that failed; of a supervisor that was killed before it could write that, the apps' own tell. */
export function readExternalPodExit(pod: Files): number | undefined {
  if (pod.has("exit-code")) {
    const [, code] = /^(\d{1,3})\n?$/.exec(pod.readText("exit-code", MAX_BYTES)) ?? [];
    return code === undefined || Number(code) > 255 ? 255 : Number(code);
  }
  const exits = pod
    .list("status")
    .filter(isAppName)
    .flatMap((name) => readExternalExit(pod, parseAppName(name)) ?? []);
  return exits.toSorted((a, b) => a.exitedAtMs - b.exitedAtMs).find(({ exitCode }) => exitCode !== 0)?.exitCode;
}

function isAppName(name: string): boolean {
  return /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name);
}
