import type { Stage1EntryPoints } from "../../pod/manifest.ts";
import { makeEmptyVolumes, mountAppRoot } from "../../pod/pod-tree.ts";
import { openAppRoot, resolveApp } from "../../pod/resolve-app.ts";
import { writeResolvedApp } from "../../pod/resolved-app.ts";
import type { LaunchInput } from "../../pod/stage1-contract.ts";
import { detectCgroupLayout } from "../../sys/linux/cgroup-layout.ts";
import { AT_FDCWD, O_APPEND, O_CREAT, O_RDONLY, O_WRONLY } from "../../sys/linux/constants.ts";
import { close, openat2 } from "../../sys/linux/fs-calls.ts";
import { chdir } from "../../sys/linux/mount-calls.ts";
import { listMounts } from "../../sys/linux/mount-table.ts";
import { enterPrivateMountNamespace, unmount } from "../../sys/linux/mounts.ts";
import { PodCgroup } from "../../sys/linux/pod-cgroup.ts";
import { dieOfSignals } from "../../sys/linux/process-calls.ts";
import { limitPodCgroup, podCgroupName } from "../pod-cgroups.ts";
import { becomeSupervisor, startSupervisor } from "../pod-supervisor.ts";
import { entryEnvironment, mountStage1Image, writeStage1Layers } from "./call-entry.ts";

/** One digit: shells redirect no others. */
const LOCK_FD = 9;
const SPAWNED_LOCK_FD = 3;

/**
 * Starts a pod by the `run` entry of its stage1 image: roots mounted, users and programs resolved, the pod's cgroup made;
 * then this process becomes that program, or starts it.
 * @throws {PodError} for what the apps lack; {Stage1Error} "stage1/unsupported-host"
 */
export async function launchExternalPod(
  input: LaunchInput,
  entries: Stage1EntryPoints,
): Promise<{ readonly pid: number }> {
  const { pod, manifest } = input;
  if (input.mode === "exec") dieOfSignals();
  makeEmptyVolumes(pod, manifest);
  const layers = manifest.stage1.image?.layers ?? [];
  writeStage1Layers(pod, layers.map((layer) => input.layerPath(layer)).toReversed());
  pod.writePlain("netns", `${input.netns === "host" ? "host" : input.netns.path}\n`, 0o600);
  enterPrivateMountNamespace({ receive: true });
  try {
    mountEverything(input);
    return start(input, entries);
  } catch (reason) {
    // Only this namespace sees the mounts; without them the pod directory can be removed.
    for (const { mountPoint } of listMounts().toReversed()) {
      if (mountPoint.startsWith(`${pod.root}/`)) unmount(mountPoint);
    }
    throw reason;
  }
}

function mountEverything(input: LaunchInput): void {
  const { pod, manifest } = input;
  for (const app of manifest.apps) {
    mountAppRoot(input, app);
    const stdin = input.interactive ? (input.isTerminal ? "tty" : "fifo") : "null";
    writeResolvedApp(pod, resolveApp(openAppRoot(pod.path(`apps/${app.name}/rootfs`)), app, stdin));
    pod.ensureDir(`logs/${app.name}`, 0o700);
  }
  pod.ensureDir("status", 0o700);
  mountStage1Image(pod);
}

function start(input: LaunchInput, entries: Stage1EntryPoints): { readonly pid: number } {
  const { pod, manifest } = input;
  const flags = [
    ...(input.mode === "exec" ? ["--foreground"] : []),
    ...(input.interactive ? ["--interactive"] : []),
    ...(input.interactive && input.isTerminal ? ["--terminal"] : []),
  ];
  const argv = [pod.path(`stage1/rootfs${entries.run}`), ...flags, manifest.uuid] as const;
  const cgroup = PodCgroup.create(detectCgroupLayout(), podCgroupName(manifest.uuid));
  limitPodCgroup(manifest, cgroup);
  const env = entryEnvironment(manifest.uuid, input.netns === "host" ? "host" : input.netns.path);
  const nullFd = openat2(AT_FDCWD, "/dev/null", { flags: O_RDONLY });
  if (input.mode === "spawn") {
    const logFd = openat2(AT_FDCWD, pod.path("supervisor.log"), {
      flags: O_WRONLY | O_CREAT | O_APPEND,
      modeOctal: 0o600,
    });
    const lock = { GANTRY_LOCK_FD: String(SPAWNED_LOCK_FD) };
    const program = { argv, env: { ...env, ...lock }, cwd: pod.root, stdio: [nullFd, logFd, logFd, input.lockFd] };
    const pid = startSupervisor(pod, program, { cgroup });
    for (const fd of [nullFd, logFd]) close(fd);
    return { pid };
  }
  chdir(pod.root);
  const at = new Map([[LOCK_FD, input.lockFd], ...(input.interactive ? [] : [[0, nullFd] as const])]);
  return becomeSupervisor(pod, {
    argv,
    env: { ...env, GANTRY_LOCK_FD: String(LOCK_FD) },
    cgroup,
    stdio: Array.from({ length: LOCK_FD + 1 }, (_, place) => at.get(place)),
    held: [],
  });
}
