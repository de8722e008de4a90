import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { SysError } from "../errors.ts";
import { type CgroupHierarchy, type CgroupLayout, defaultCgroupBase } from "./cgroup-layout.ts";
import { AT_FDCWD, AT_REMOVEDIR, SIGKILL } from "./constants.ts";
import { withFileErrors } from "./file-error.ts";
import { type CgroupVisit, joinCgroups } from "./join-cgroups.ts";
import { cString, errnoError, hasErrno, tryKernel } from "./libc.ts";
import { kill } from "./process-calls.ts";

/** Limits of one pod or app; what is left out stays unlimited. */
export interface CgroupLimits {
  readonly memoryBytes?: number;
  /** CPU time in thousandths of a core. */
  readonly cpuMillis?: number;
  readonly pids?: number;
}

const ROUNDS = 100;
const PAUSE_MS = 20;
const CPU_PERIOD_US = 100_000;
/** Device nodes every app may use: null zero full random urandom tty, console, ptmx, pts, tun. */
const ALLOWED_DEVICES = ["c 1:3", "c 1:5", "c 1:7", "c 1:8", "c 1:9", "c 5:0", "c 5:1", "c 5:2", "c 136:*", "c 10:200"];

/** The same cgroup in every hierarchy of the host that lets us make one. */
export class PodCgroup {
  readonly #dirs: readonly { readonly path: string; readonly hierarchy: CgroupHierarchy }[];

  constructor(dirs: readonly { readonly path: string; readonly hierarchy: CgroupHierarchy }[]) {
    this.#dirs = dirs;
  }

  /** Names the cgroup without making it. `name` is relative, e.g. `pod-UUID/app`; `base` as in `defaultCgroupBase`. */
  static at(layout: CgroupLayout, name: string, base = defaultCgroupBase()): PodCgroup {
    if (name.split("/").some((part) => part === "" || part === "." || part === "..")) {
      throw new SysError("sys/bad-path", `Cannot name cgroup "${name}": it is not a plain relative path`, {
        hint: "use names separated by single slashes",
      });
    }
    return new PodCgroup(
      layout.hierarchies.map((hierarchy) => ({ path: `${hierarchy.mountPoint}/${base}/${name}`, hierarchy })),
    );
  }

  /** Makes it where it is missing; hierarchies that are mounted read-only are left out. */
  static create(layout: CgroupLayout, name: string, base = defaultCgroupBase()): PodCgroup {
    const wanted = PodCgroup.at(layout, name, base);
    return new PodCgroup(wanted.#dirs.filter(({ path, hierarchy }) => makeCgroup(path, hierarchy)));
  }

  /** Directory and hierarchy, one each. */
  get dirs(): readonly { readonly path: string; readonly hierarchy: CgroupHierarchy }[] {
    return this.#dirs;
  }

  /** Directories, one per hierarchy. */
  get paths(): readonly string[] {
    return this.#dirs.map((dir) => dir.path);
  }

  /**
   * Files that a process with one thread moves itself by, with the text "0". On v1 that is `tasks`: the kernel moves whole
   * processes only after all its processors have come to rest, which takes longer than the start of a program.
   */
  get joinFiles(): readonly string[] {
    return this.#dirs.map(({ path, hierarchy }) => `${path}/${hierarchy.version === 1 ? "tasks" : "cgroup.procs"}`);
  }

  /** Moves this thread (on v2: this process) into it: whatever program it becomes next is there. */
  join(): void {
    for (const file of this.joinFiles) {
      withFileErrors(`join cgroup by "${file}"`, () => writeFileSync(file, "0"));
    }
  }

  /** Moves this process into it for a while, so that what it starts meanwhile is born there. */
  visit(): CgroupVisit {
    return joinCgroups(new Map(this.#dirs.map(({ path, hierarchy }) => [hierarchy.mountPoint, path])));
  }

  /** All processes in it and beneath it, ascending. */
  pids(): number[] {
    return [...new Set(this.#dirs.flatMap(({ path }) => pidsBeneath(path)))].sort((a, b) => a - b);
  }

  /** Kills until nobody is left. @throws {SysError} "sys/timeout" when processes do not die within a few seconds. */
  async killAll(): Promise<void> {
    for (let round = 0; round < ROUNDS; round++) {
      const alive = this.pids();
      if (alive.length === 0) return;
      for (const pid of alive) killQuietly(pid);
      await Bun.sleep(PAUSE_MS);
    }
    throw new SysError(
      "sys/timeout",
      `Cannot kill the processes of cgroup "${this.paths[0]}": ${this.pids().join(", ")} remain`,
    );
  }

  /** As `remove`, where nobody is in it any more; otherwise false, and some of it may be gone. */
  tryRemove(): boolean {
    // Mostly every hierarchy has the same beneath it.
    const beneath = this.#dirs
      .slice(0, 1)
      .flatMap(({ path }) => listBeneath(path).map((one) => one.slice(path.length)));
    for (const { path } of this.#dirs) {
      for (const name of beneath) rmdir(`${path}${name}`);
      if (!rmdir(path) && !tryRemove(path, false)) return false;
    }
    for (const { path, hierarchy } of this.#dirs) removeEmptyParents(path, hierarchy.mountPoint);
    return true;
  }

  /**
   * Removes it with everything beneath, and the cgroup that holds all pods when this was the last; waits a few seconds
   * for the kernel to let go of dead processes.
   */
  async remove(): Promise<void> {
    for (const { path, hierarchy } of this.#dirs) {
      for (let round = 1; !tryRemove(path, round === ROUNDS); round++) await Bun.sleep(PAUSE_MS);
      removeEmptyParents(path, hierarchy.mountPoint);
    }
  }

  /** Puts limits into force wherever the host has the controller; returns the names of limits it could not set. */
  setLimits(limits: CgroupLimits): string[] {
    const { memoryBytes, cpuMillis, pids } = limits;
    const quota = cpuMillis === undefined ? undefined : Math.max(1000, Math.round((cpuMillis * CPU_PERIOD_US) / 1000));
    const done = {
      memory:
        memoryBytes === undefined || this.#write("memory", "memory.limit_in_bytes", "memory.max", String(memoryBytes)),
      cpu:
        quota === undefined ||
        this.#write("cpu", "cpu.cfs_quota_us", "cpu.max", String(quota), `${quota} ${CPU_PERIOD_US}`),
      pids: pids === undefined || this.#write("pids", "pids.max", "pids.max", String(pids)),
    };
    return Object.entries(done).flatMap(([name, isSet]) => (isSet ? [] : [name]));
  }

  /** Denies all devices but the usual harmless ones and `more` (as `c 10:229 rw`). Returns false without a v1 devices controller (v2 needs eBPF). */
  setDevicePolicy(more: readonly string[] = []): boolean {
    const found = this.#dirs.find(
      ({ hierarchy }) => hierarchy.version === 1 && hierarchy.controllers.includes("devices"),
    );
    if (found === undefined) return false;
    withFileErrors(`restrict devices of cgroup "${found.path}"`, () => {
      writeFileSync(`${found.path}/devices.deny`, "a");
      const allow = openSync(`${found.path}/devices.allow`, "w");
      try {
        for (const device of ALLOWED_DEVICES) writeSync(allow, `${device} rwm`);
        for (const kind of ["c", "b"]) writeSync(allow, `${kind} *:* m`);
        for (const device of more) writeSync(allow, device);
      } finally {
        closeSync(allow);
      }
    });
    return true;
  }

  #write(controller: string, v1File: string, v2File: string, v1: string, v2 = v1): boolean {
    for (const { path, hierarchy } of this.#dirs) {
      const [file, value] = hierarchy.version === 1 ? [v1File, v1] : [v2File, v2];
      if (!hierarchy.controllers.includes(controller) || !existsSync(`${path}/${file}`)) continue;
      withFileErrors(`limit ${controller} of cgroup "${path}"`, () => writeFileSync(`${path}/${file}`, value));
      return true;
    }
    return false;
  }
}

/** Begins again when the last other pod's end took a parent away meanwhile. */
function makeCgroup(path: string, hierarchy: CgroupHierarchy): boolean {
  for (let round = 1; ; round++) {
    try {
      makeLevels(path, hierarchy);
      return true;
    } catch (reason) {
      if (hasErrno(reason, "EROFS", "EACCES")) return false;
      if ((hasErrno(reason, "ENOENT", "ENODEV") || hasCode(reason, "ENOENT", "ENODEV")) && round < ROUNDS) continue;
      withFileErrors(`create cgroup "${path}"`, () => {
        throw reason;
      });
    }
  }
}

function makeLevels(path: string, hierarchy: CgroupHierarchy): void {
  const hasCpuset = hierarchy.controllers.includes("cpuset") && hierarchy.version === 1;
  // Most often what is above is there already.
  if (hierarchy.version === 1 && mkdir(path)) {
    if (hasCpuset) inheritCpuset(path, hierarchy.mountPoint);
    return;
  }
  let parent = hierarchy.mountPoint;
  for (const name of path.slice(hierarchy.mountPoint.length + 1).split("/")) {
    if (hierarchy.version === 2) delegate(parent, hierarchy.controllers);
    const child = `${parent}/${name}`;
    if (!mkdir(child)) throw errnoError(ENOENT, "mkdirat", child);
    if (hasCpuset) {
      inheritCpuset(child, hierarchy.mountPoint);
      letInherit(child);
    }
    parent = child;
  }
}

const ENOENT = 2;
const EEXIST = 17;

/** Returns whether it is there now; false when what should be above is not. Costs no exception: both are usual. */
function mkdir(path: string): boolean {
  const result = tryKernel("mkdirat", [AT_FDCWD, cString(path), 0o777]);
  if (result === 0 || result === -EEXIST) return true;
  if (result === -ENOENT) return false;
  throw errnoError(-result, "mkdirat", path);
}

/** Returns whether it is gone now, whatever keeps it otherwise. */
function rmdir(path: string): boolean {
  const result = tryKernel("unlinkat", [AT_FDCWD, cString(path), AT_REMOVEDIR]);
  return result === 0 || result === -ENOENT;
}

/** The cgroups above that nobody uses any more; one with members or children stays, as rmdir(2) refuses it. */
function removeEmptyParents(path: string, mountPoint: string): void {
  for (let parent = dirname(path); parent !== mountPoint; parent = dirname(parent)) {
    // A slice of the host's systemd is not ours; one in use by another pod stays.
    if (parent.endsWith(".slice") || !rmdir(parent)) return;
  }
}

function hasCode(reason: unknown, ...codes: readonly string[]): boolean {
  return reason instanceof Error && "code" in reason && codes.includes(String(reason.code));
}

/** A v1 cpuset starts empty, and nobody can join an empty one; what is above may just have been made by another start. */
function inheritCpuset(path: string, mountPoint: string): void {
  if (path === mountPoint) return;
  const files = ["cpuset.cpus", "cpuset.mems"].map((name) => ({ name, own: readTrimmed(`${path}/${name}`) }));
  if (files.every(({ own }) => own !== "")) return;
  inheritCpuset(dirname(path), mountPoint);
  for (const { name, own } of files) {
    if (own === "") writeFileSync(`${path}/${name}`, readTrimmed(`${dirname(path)}/${name}`));
  }
}

/** Has the kernel itself do the same for what is made beneath from now on. Spec: cgroup v1, clone_children. */
function letInherit(path: string): void {
  try {
    writeFileSync(`${path}/cgroup.clone_children`, "1");
  } catch {
    // Gone already, or an old kernel: the next one copies for itself.
  }
}

function readTrimmed(path: string): string {
  return readFileSync(path, "utf8").trim();
}

function delegate(dir: string, controllers: readonly string[]): void {
  for (const name of ["cpu", "memory", "pids"].filter((wanted) => controllers.includes(wanted))) {
    try {
      writeFileSync(`${dir}/cgroup.subtree_control`, `+${name}`);
    } catch {
      // A cgroup with processes of its own cannot delegate; `setLimits` reports what is then missing.
    }
  }
}

function pidsBeneath(dir: string): number[] {
  try {
    const own = readFileSync(`${dir}/cgroup.procs`, "utf8").split("\n").filter(Boolean).map(Number);
    return [...own, ...childrenOf(dir).flatMap(pidsBeneath)];
  } catch {
    return []; // removed meanwhile, so nobody is in it
  }
}

/** Everything beneath, what is deepest first; nothing when it is gone. */
function listBeneath(dir: string): string[] {
  try {
    return childrenOf(dir).flatMap((child) => [...listBeneath(child), child]);
  } catch {
    return []; // removed meanwhile, or never made
  }
}

function childrenOf(dir: string): string[] {
  if (statSync(dir).nlink === 2) return []; // "." and the entry above: no directory has a ".." to it
  return readdirSync(dir, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? [`${dir}/${e.name}`] : []));
}

function killQuietly(pid: number): void {
  try {
    if (pid > 1) kill(pid, SIGKILL);
  } catch {
    // Ended meanwhile; whoever survives is seen in the next round.
  }
}

/** Returns false when something is still in it, unless `isLast`. */
function tryRemove(dir: string, isLast: boolean): boolean {
  try {
    for (const child of childrenOf(dir)) if (!tryRemove(child, isLast)) return false;
    rmdirSync(dir);
    return true;
  } catch (reason) {
    if (hasCode(reason, "ENOENT")) return true;
    if (!isLast) return false;
    return withFileErrors(`remove cgroup "${dir}"`, () => {
      throw reason;
    });
  }
}
