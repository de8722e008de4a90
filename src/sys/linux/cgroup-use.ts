import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { withFileErrors } from "./file-error.ts";
import type { PodCgroup } from "./pod-cgroup.ts";

/** What the processes of a cgroup use; what this host does not count is left out. */
export interface CgroupUse {
  readonly memoryBytes?: number;
  readonly memoryPeakBytes?: number;
  readonly cpuNanos?: number;
  readonly pids?: number;
  /** How many processes the kernel has ended for want of memory. */
  readonly oomKills?: number;
}

/** Reads the counters of a cgroup and everything beneath it. */
export function readCgroupUse(cgroup: PodCgroup): CgroupUse {
  const memory = directory(cgroup, "memory");
  const cpu = directory(cgroup, "cpuacct", "cpu");
  const pids = directory(cgroup, "pids");
  return {
    ...defined("memoryBytes", number(memory, "memory.usage_in_bytes", "memory.current")),
    ...defined("memoryPeakBytes", number(memory, "memory.max_usage_in_bytes", "memory.peak")),
    ...defined("cpuNanos", cpuNanos(cpu)),
    ...defined("pids", number(pids, "pids.current", "pids.current")),
    ...defined("oomKills", oomKills(memory)),
  };
}

/** Halts everything in the cgroup, or lets it go on. Returns false when this host cannot. */
export function freezeCgroup(cgroup: PodCgroup, isFrozen: boolean): boolean {
  const v1 = directory(cgroup, "freezer");
  if (v1 !== undefined && existsSync(`${v1}/freezer.state`)) {
    withFileErrors(`freeze cgroup "${v1}"`, () => writeFileSync(`${v1}/freezer.state`, isFrozen ? "FROZEN" : "THAWED"));
    return true;
  }
  for (const { path, hierarchy } of cgroup.dirs) {
    if (hierarchy.version === 1 || !existsSync(`${path}/cgroup.freeze`)) continue;
    withFileErrors(`freeze cgroup "${path}"`, () => writeFileSync(`${path}/cgroup.freeze`, isFrozen ? "1" : "0"));
    return true;
  }
  return false;
}

/** Whether the cgroup was told to halt. */
export function isCgroupFrozen(cgroup: PodCgroup): boolean {
  return cgroup.dirs.some(
    ({ path }) => /^FR/.test(read(`${path}/freezer.state`)) || read(`${path}/cgroup.freeze`).trim() === "1",
  );
}

function directory(cgroup: PodCgroup, ...controllers: readonly string[]): string | undefined {
  return controllers
    .flatMap((name) => cgroup.dirs.filter(({ hierarchy }) => hierarchy.controllers.includes(name)))
    .map(({ path }) => path)
    .find((path) => existsSync(path));
}

function cpuNanos(dir: string | undefined): number | undefined {
  const v1 = number(dir, "cpuacct.usage", "cpuacct.usage");
  if (v1 !== undefined || dir === undefined) return v1;
  const micros = /^usage_usec (\d+)$/m.exec(read(`${dir}/cpu.stat`))?.[1];
  return micros === undefined ? undefined : Number(micros) * 1000;
}

function oomKills(dir: string | undefined): number | undefined {
  if (dir === undefined) return undefined;
  const text = read(`${dir}/memory.oom_control`) + read(`${dir}/memory.events`);
  const count = /^oom_kill (\d+)$/m.exec(text)?.[1];
  return count === undefined ? undefined : Number(count);
}

function number(dir: string | undefined, ...files: readonly string[]): number | undefined {
  if (dir === undefined) return undefined;
  const text = files.map((file) => read(`${dir}/${file}`).trim()).find((one) => /^\d+$/.test(one));
  return text === undefined ? undefined : Number(text);
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // of the other cgroup version, or removed meanwhile
  }
}

function defined<K extends string>(key: K, value: number | undefined): { readonly [P in K]?: number } {
  const entry: { [P in K]?: number } = {};
  if (value !== undefined) entry[key] = value;
  return entry;
}
