import { existsSync, readFileSync } from "node:fs";
import { listMountsOfTypes, type MountInfo } from "./mount-table.ts";

/** One mounted cgroup tree. */
export interface CgroupHierarchy {
  readonly version: 1 | 2;
  readonly mountPoint: string;
  /** v1: its controllers, or `name=systemd`; v2: what its root offers to children. */
  readonly controllers: readonly string[];
  /** Cgroup of this process, relative to the mount point, starting with "/". */
  readonly ownPath: string;
}

/** How this host arranges its cgroups; "hybrid" is v1 controllers plus a v2 tree. */
export interface CgroupLayout {
  readonly kind: "unified" | "hybrid" | "v1" | "none";
  readonly hierarchies: readonly CgroupHierarchy[];
}

let known: CgroupLayout | undefined;

/** Looks at the mounts of this mount namespace, once: they do not change while a host runs. */
export function detectCgroupLayout(): CgroupLayout {
  known ??= lookForCgroups();
  return known;
}

/** After this process itself has changed what it sees of them. */
export function forgetCgroupLayout(): void {
  known = undefined;
}

function lookForCgroups(): CgroupLayout {
  const own = readFileSync("/proc/self/cgroup", "utf8");
  const hierarchies = listMountsOfTypes("cgroup", "cgroup2").flatMap((mount) => toHierarchy(mount, own));
  const [hasV1, hasV2] = [1, 2].map((version) => hierarchies.some((h) => h.version === version));
  const kind = hasV1 ? (hasV2 ? "hybrid" : "v1") : hasV2 ? "unified" : "none";
  return { kind, hierarchies };
}

/**
 * Leaves out a hybrid host's v2 tree where it serves nothing: it has no controller that limits, and this process is in its
 * root, so that no service manager tells processes apart by it. To move a process there takes as long as to start one.
 */
export function withoutIdleUnified({ kind, hierarchies }: CgroupLayout): CgroupLayout {
  const isIdle = ({ version, controllers, ownPath }: CgroupHierarchy): boolean =>
    version === 2 && ownPath === "/" && !controllers.some((name) => LIMITING.has(name));
  return { kind, hierarchies: kind === "hybrid" ? hierarchies.filter((one) => !isIdle(one)) : hierarchies };
}

const LIMITING = new Set(["cpu", "memory", "pids"]);

/** Where pods go by default, relative to each hierarchy's root; a host with systemd keeps them in its slice for machines. */
export function defaultCgroupBase(): string {
  return existsSync("/run/systemd/system") ? "machine.slice/gantry" : "gantry";
}

const V1_FLAGS = new Set(["rw", "ro", "xattr", "clone_children", "noprefix", "release_agent"]);

function toHierarchy(mount: MountInfo, own: string): CgroupHierarchy[] {
  const { mountPoint } = mount;
  if (mount.fsType === "cgroup2") {
    const controllers = readIfPresent(`${mountPoint}/cgroup.controllers`)
      .split(/\s+/)
      .filter((name) => name !== "");
    return [{ version: 2, mountPoint, controllers, ownPath: ownPathOf(own, "") }];
  }
  if (mount.fsType !== "cgroup") return [];
  const controllers = mount.superOptions.filter(
    (option) => !V1_FLAGS.has(option) && !option.startsWith("release_agent="),
  );
  return [{ version: 1, mountPoint, controllers, ownPath: ownPathOf(own, controllers[0] ?? "") }];
}

/** Lines are `id:controllers:path`; v2 has no controllers. Spec: cgroups(7). */
function ownPathOf(own: string, controller: string): string {
  for (const line of own.split("\n")) {
    const [, names = "", ...path] = line.split(":");
    if (path.length > 0 && names.split(",").includes(controller)) return path.join(":");
  }
  return "/";
}

function readIfPresent(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // an old or partly hidden tree offers nothing
  }
}
