import { type AppName, isPodId, type PodId, parsePodId } from "../../pod/names.ts";
import { readPodManifest } from "../../pod/pod-store.ts";
import type { AppExit, AppLog } from "../../pod/stage1-contract.ts";
import type { Files } from "../../sys/host.ts";
import { readCgroupUse } from "../../sys/linux/cgroup-use.ts";
import { readProcStat } from "../../sys/linux/process-stat.ts";
import { readCgroupPaths, readComm } from "../../sys/linux/process-tree.ts";
import { podCgroupName } from "../pod-cgroups.ts";
import { findSupervisor } from "../supervisor.ts";
import { appCgroup } from "./cgroups.ts";
import { QUIET_FILE } from "./scripts.ts";

/** Host pid of an app's main process. What shows that the number still means it is the cgroup it is in. */
export function findAppPid(pod: Files, { id, app }: { readonly id: PodId; readonly app: AppName }): number | undefined {
  const pid = readPid(pod, `apps/${app}/pid`);
  if (pid === undefined || hasText(pod, `status/${app}`)) return undefined;
  const state = readProcStat(pid)?.state;
  if (state === undefined || state === "Z" || state === "X") return undefined;
  return readCgroupPaths(pid).some((path) => path.includes(`/${podCgroupName(id)}/${app}`)) ? pid : undefined;
}

/** Whether an app was started and has not ended. A container that was made but not started counts as not running. */
export function isAppRunning(pod: Files, which: { readonly id: PodId; readonly app: AppName }): boolean {
  return pod.has(`apps/${which.app}/started`) && findAppPid(pod, which) !== undefined;
}

/** The first conmon of the pod that lives; or the runtime's own foreground process on a terminal. */
export function findOciSupervisor(pod: Files): number | undefined {
  const waiting = findSupervisor(pod);
  if (waiting !== undefined) return waiting;
  return findConmons(pod)[0];
}

/** Every conmon of the pod that lives. */
export function findConmons(pod: Files): number[] {
  const names = readPodManifest(pod)?.apps.map((app) => app.name) ?? [];
  return names.flatMap((app) => {
    const pid = readPid(pod, `apps/${app}/conmon.pid`);
    if (pid === undefined || readComm(pid) !== "conmon") return [];
    return readProcStat(pid)?.state === "Z" ? [] : [pid];
  });
}

/** Where conmon writes the exit code of an app, before it lets go of the pod's lock. */
export function exitFile(id: PodId, app: AppName): string {
  return `oci/exits/${id}-${app}`;
}

/** What the exit command recorded; it may be a moment behind conmon's own file, which then counts. */
export function readAppExit(pod: Files, app: AppName): AppExit | undefined {
  const id = podIdOf(pod);
  const hasOwn = id !== undefined && !pod.has(QUIET_FILE); // else conmon's is about being halted
  const rel = [`status/${app}`, ...(hasOwn ? [exitFile(id, app)] : [])].find((one) => hasText(pod, one));
  const stat = rel === undefined ? undefined : pod.stat(rel);
  if (rel === undefined || stat === undefined) return undefined;
  const [, code, oom] = /^(\d+)( oom)?\n?$/.exec(pod.readText(rel, 64)) ?? [];
  if (code === undefined) return undefined;
  const isOom = oom !== undefined || (id !== undefined && code === "137" && wasKilledForMemory(id, app));
  return { exitCode: Number(code), oomKilled: isOom, exitedAtMs: stat.modifiedAtMs };
}

/** Code of the first app that failed. */
export function readPodExit(pod: Files): number | undefined {
  if (pod.has("exit-code")) {
    const code = Number(pod.readText("exit-code", 16).trim());
    if (Number.isInteger(code)) return code;
  }
  const exits = (readPodManifest(pod)?.apps ?? []).flatMap(({ name }) => readAppExit(pod, name) ?? []);
  const failed = exits.filter((exit) => exit.exitCode !== 0).sort((a, b) => a.exitedAtMs - b.exitedAtMs);
  return failed[0]?.exitCode;
}

function wasKilledForMemory(id: PodId, app: AppName): boolean {
  return (readCgroupUse(appCgroup(id, app)).oomKills ?? 0) > 0;
}

function podIdOf(pod: Files): PodId | undefined {
  const name = pod.root.slice(pod.root.lastIndexOf("/") + 1);
  return isPodId(name) ? parsePodId(name) : undefined;
}

/** In the foreground output goes through FIFOs to raw files; in the background conmon writes the CRI's format. */
export function findLog(pod: Files, app: AppName): AppLog {
  const raw = { stdout: `logs/${app}/stdout`, stderr: `logs/${app}/stderr` };
  return pod.has(raw.stdout) ? { kind: "streams", ...raw } : { kind: "cri", path: `logs/${app}/log` };
}

/** A file of the scripts is there, and written. */
function hasText(pod: Files, rel: string): boolean {
  return (pod.stat(rel)?.sizeBytes ?? 0) > 0;
}

function readPid(pod: Files, rel: string): number | undefined {
  if (!pod.has(rel)) return undefined;
  const text = pod.readText(rel, 64).trim();
  return /^[1-9]\d*$/.test(text) ? Number(text) : undefined;
}
