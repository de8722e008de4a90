import { readFileSync } from "node:fs";
import { type CgroupHierarchy, detectCgroupLayout } from "./cgroup-layout.ts";
import { AT_FDCWD, O_CLOEXEC, O_WRONLY } from "./constants.ts";
import { close, openat2, write } from "./fs-calls.ts";
import { hasErrno } from "./libc.ts";

/** A stay in other cgroups. */
export interface CgroupVisit {
  /** Goes back to where this process came from; works after privileges were dropped. Call once. */
  leave(): void;
}

/**
 * Moves this thread (on v2: this process) into every cgroup of another process, so that programs it starts are counted
 * and limited with it. The way back is opened beforehand: the kernel judges a write by who opened the file.
 */
export function joinCgroupsOf(pid: number): CgroupVisit {
  const theirs = parseCgroups(readFileSync(`/proc/${pid}/cgroup`, "latin1"));
  const targets = new Map<string, string>();
  for (const hierarchy of detectCgroupLayout().hierarchies) {
    const path = pathIn(hierarchy, theirs);
    if (path !== undefined) targets.set(hierarchy.mountPoint, dirOf(hierarchy, path));
  }
  return joinCgroups(targets);
}

/** Where this process is now; `leave` of it brings it back there. */
export function rememberCgroups(): CgroupVisit {
  const text = readFileSync("/proc/self/cgroup", "latin1");
  return {
    leave() {
      const ours = parseCgroups(text);
      for (const hierarchy of detectCgroupLayout().hierarchies) {
        const path = pathIn(hierarchy, ours);
        // The whole process: threads that began in the other cgroup are in it.
        const fd = path === undefined ? undefined : openMembers(`${dirOf(hierarchy, path)}/cgroup.procs`);
        if (fd !== undefined) goBack([fd]);
      }
    },
  };
}

/**
 * Moves this process into the given cgroup directories, by mount point of their hierarchy: all of them or none.
 * @throws {SysError} when the kernel refuses one
 */
export function joinCgroups(targets: ReadonlyMap<string, string>): CgroupVisit {
  const ours = parseCgroups(readFileSync("/proc/self/cgroup", "latin1"));
  const wayBack: number[] = [];
  try {
    for (const hierarchy of detectCgroupLayout().hierarchies) {
      const to = targets.get(hierarchy.mountPoint);
      const ownPath = pathIn(hierarchy, ours);
      const from = ownPath === undefined ? undefined : dirOf(hierarchy, ownPath);
      if (to === undefined || from === undefined || to === from) continue;
      const file = hierarchy.version === 1 ? "tasks" : "cgroup.procs";
      // Back goes the whole process: threads that began meanwhile began there.
      const backFd = openMembers(`${from}/cgroup.procs`);
      if (backFd !== undefined) wayBack.push(backFd);
      const toFd = openMembers(`${to}/${file}`);
      if (toFd === undefined) continue;
      try {
        write(toFd, SELF);
      } finally {
        close(toFd);
      }
    }
  } catch (reason) {
    goBack(wayBack);
    throw reason;
  }
  return { leave: () => goBack(wayBack) };
}

/** Moves this process by each of these open files, and closes them. */
function goBack(wayBack: readonly number[]): void {
  for (const fd of wayBack) {
    try {
      write(fd, SELF);
    } catch (reason) {
      // A confined thread may be refused; it then stays where it does no harm, until this process ends.
      if (!hasErrno(reason, "EPERM", "EACCES")) throw reason;
    } finally {
      close(fd);
    }
  }
}

function dirOf({ mountPoint }: CgroupHierarchy, path: string): string {
  return `${mountPoint}${path === "/" ? "" : path}`;
}

/** The kernel reads 0 as "the writer". */
const SELF = new TextEncoder().encode("0");

function openMembers(file: string): number | undefined {
  try {
    return openat2(AT_FDCWD, file, { flags: O_WRONLY | O_CLOEXEC });
  } catch (reason) {
    // A hierarchy that is mounted read-only, or that the other process sees from another root.
    if (hasErrno(reason, "EROFS", "EACCES", "ENOENT")) return undefined;
    throw reason;
  }
}

function pathIn(hierarchy: CgroupHierarchy, cgroups: ReadonlyMap<string, string>): string | undefined {
  if (hierarchy.version === 2) return cgroups.get("");
  const found = [...cgroups].find(
    ([names]) => names !== "" && names.split(",").some((name) => hierarchy.controllers.includes(name)),
  );
  return found?.[1];
}

function parseCgroups(text: string): Map<string, string> {
  return new Map(
    text.split("\n").flatMap((line) => {
      const [, names, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
      return names === undefined || path === undefined ? [] : [[names, path] as const];
    }),
  );
}
