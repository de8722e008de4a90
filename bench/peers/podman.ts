import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "../lab.ts";
import { lateRemovedDir } from "../late-removal.ts";
import { call } from "../programs.ts";

/** podman with a storage of its own. */
export interface Podman extends Disposable {
  call(args: readonly string[]): string;
  /** Command line for callers that start it themselves. */
  argv(args: readonly string[]): string[];
}

/** Without CAP_SYS_RESOURCE podman cannot raise limits to its defaults and would refuse to start anything. */
export const PODMAN_LIMITS = ["--ulimit=nofile=1024:20000", "--ulimit=nproc=1000:2000"];

/** Opens podman with an empty storage; runc is the runtime, because crun refuses hybrid cgroups. */
export function openPodman(): Podman {
  const dir = lateRemovedDir();
  for (const sub of ["root", "run", "tmp", "net"]) mkdirSync(join(dir, sub), { recursive: true });
  const globals = [
    `--root=${dir}/root`,
    `--runroot=${dir}/run`,
    `--tmpdir=${dir}/tmp`,
    `--network-config-dir=${dir}/net`,
    "--storage-driver=overlay",
    "--cgroup-manager=cgroupfs",
    "--runtime=runc",
    "--events-backend=none",
  ];
  const argv = (args: readonly string[]): string[] => ["podman", ...globals, ...args];
  const podman = (args: readonly string[]): string => call(argv(args));
  const hadNetns = isMountPoint("/run/netns");
  return {
    call: podman,
    argv,
    [Symbol.dispose]: () => {
      podman(["rm", "--all", "--force", "--time=0"]);
      // What cleans up after each container runs on its own, and mounts the storage again if it has to.
      for (let tries = 0; tries < 300 && isAtWork(dir); tries++) Bun.sleepSync(100);
      // Podman keeps its storage mounted.
      Bun.spawnSync(["umount", "--lazy", join(dir, "root/overlay")], { stderr: "ignore" });
      if (!hadNetns && isMountPoint("/run/netns")) call(["umount", "/run/netns"]);
    },
  };
}

function isAtWork(dir: string): boolean {
  return Bun.spawnSync(["pgrep", "--full", "--", `--root[= ]${dir}/root`], { stdout: "ignore" }).exitCode === 0;
}

function isMountPoint(path: string): boolean {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .some((line) => line.split(" ")[4] === path);
}

/** Loads the lab's image and returns its name in podman's storage. */
export function loadIntoPodman(podman: Podman, lab: Lab): string {
  podman.call(["pull", "--quiet", `oci-archive:${lab.archive}:1`]);
  const [id = ""] = podman.call(["images", "--quiet"]).split("\n");
  return id;
}
