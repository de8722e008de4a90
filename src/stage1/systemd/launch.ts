import type { PodManifest } from "../../pod/manifest.ts";
import { makeEmptyVolumes, mountAppRoot } from "../../pod/pod-tree.ts";
import { openAppRoot, resolveApp } from "../../pod/resolve-app.ts";
import { type ResolvedApp, writeResolvedApp } from "../../pod/resolved-app.ts";
import type { LaunchInput } from "../../pod/stage1-contract.ts";
import { detectCgroupLayout } from "../../sys/linux/cgroup-layout.ts";
import { AT_FDCWD, MS_NODEV, MS_NOSUID, O_APPEND, O_CREAT, O_RDONLY, O_WRONLY } from "../../sys/linux/constants.ts";
import { close, openat2 } from "../../sys/linux/fs-calls.ts";
import { mount } from "../../sys/linux/mount-calls.ts";
import { listMounts } from "../../sys/linux/mount-table.ts";
import { bindMount, enterPrivateMountNamespace, unmount } from "../../sys/linux/mounts.ts";
import { mountOverlay } from "../../sys/linux/overlay.ts";
import { PodCgroup } from "../../sys/linux/pod-cgroup.ts";
import { dieOfSignals, joinNewSessionKeyring } from "../../sys/linux/process-calls.ts";
import { RootedDir } from "../../sys/linux/rooted-dir.ts";
import { installSyscallProgram } from "../../sys/linux/seccomp.ts";
import { connectStdio } from "../app-stdio.ts";
import { BASE_FILTER_FILES, isBaseFilterEnough } from "../base-filter.ts";
import { Stage1Error } from "../errors.ts";
import { kernelPathsUnderNspawn, planProcMasks } from "../kernel-paths.ts";
import { podCgroupName } from "../pod-cgroups.ts";
import { planPodLimits } from "../pod-limits.ts";
import { becomeSupervisor, startSupervisor } from "../pod-supervisor.ts";
import { settableUlimits } from "../ulimits.ts";
import { extraCapabilities, renderUnits } from "../units.ts";
import { planNspawnArgv } from "./nspawn-argv.ts";

const NSPAWN = "/usr/bin/systemd-nspawn";
const MAX_FILTER_BYTES = 65_536;

/**
 * Starts a pod under systemd-nspawn: mounts in a namespace of its own, units for its systemd, FIFOs for its output, and
 * then this process becomes the supervisor (or starts it, with `mode: "spawn"`).
 * @throws {PodError} for what the apps lack; {Stage1Error} "stage1/missing-tool", "stage1/start-failed"
 */
export async function launchSystemdPod(input: LaunchInput): Promise<{ readonly pid: number }> {
  if (input.hostPathKind(NSPAWN) === undefined) {
    throw new Stage1Error("stage1/missing-tool", `Cannot start pod: ${NSPAWN} is not installed`, {
      hint: "install it: apt-get install systemd-container",
    });
  }
  const { pod, manifest } = input;
  if (input.mode === "exec") dieOfSignals();
  makeEmptyVolumes(pod, manifest);
  enterPrivateMountNamespace({ receive: true });
  try {
    return await mountAndStart(input);
  } catch (reason) {
    // Only this namespace sees the mounts; without them the pod directory can be removed.
    for (const { mountPoint } of listMounts().toReversed()) {
      if (mountPoint.startsWith(`${pod.root}/`)) unmount(mountPoint);
    }
    throw reason;
  }
}

async function mountAndStart(input: LaunchInput): Promise<{ readonly pid: number }> {
  const { pod, manifest } = input;
  const apps = manifest.apps.map((app) => {
    // systemd mounts a directory of its own there, and could not make it in a read-only root.
    mountAppRoot(input, app, { dirs: ["/run/systemd/incoming"] });
    const ulimits = settableUlimits(app.ulimits ?? [], { app: app.name, note: input.note });
    const root = openAppRoot(pod.path(`apps/${app.name}/rootfs`));
    const resolved = resolveApp(root, { ...app, ulimits }, stdinOf(input));
    writeResolvedApp(pod, resolved);
    return resolved;
  });
  mountStage1(input, apps);
  pod.ensureDir("shared/status", 0o755);
  const held = [
    ...connectStdio(pod, {
      apps: input.interactive && input.isTerminal ? [] : manifest.apps.map((app) => app.name),
      toCaller: input.mode === "exec",
      fromCaller: input.interactive && !input.isTerminal,
    }),
    input.lockFd,
  ];
  return await startNspawn(input, { apps, held });
}

function stdinOf(input: LaunchInput): ResolvedApp["stdin"] {
  if (!input.interactive) return "null";
  return input.isTerminal ? "tty" : "fifo";
}

/** The pod's own root: the regime's image below, units and mount points above, every app at `opt/stage2/<app>/rootfs`. */
function mountStage1(input: LaunchInput, apps: readonly ResolvedApp[]): void {
  const { pod, manifest } = input;
  for (const dir of ["upper", "work", "rootfs"]) pod.ensureDir(`stage1/${dir}`, 0o755);
  const upper = pod.sub("stage1/upper");
  for (const [path, text] of renderUnits(apps, kernelPathsUnderNspawn({ isHostNetwork: input.netns === "host" })))
    upper.writePlain(path, text, 0o644);
  upper.writePlain("etc/machine-id", `${manifest.uuid.replaceAll("-", "")}\n`, 0o444);
  for (const { app } of apps) upper.ensureDir(`opt/stage2/${app.name}/rootfs`, 0o755);
  upper.ensureDir("gantry", 0o755);
  const rootfs = pod.path("stage1/rootfs");
  mountOverlay({
    lowers: stage1Layers(manifest)
      .map((layer) => input.layerPath(layer))
      .toReversed(),
    upper: pod.path("stage1/upper"),
    work: pod.path("stage1/work"),
    target: rootfs,
    nodev: true,
  });
  using root = RootedDir.open(rootfs);
  for (const { app } of apps) bindInto(root, pod.path(`apps/${app.name}/rootfs`), `/opt/stage2/${app.name}/rootfs`);
  pod.ensureDir("shared", 0o755);
  bindInto(root, pod.path("shared"), "/gantry");
}

function bindInto(root: RootedDir, source: string, target: string): void {
  using at = root.resolve(target, { follow: false });
  bindMount({ source, target: at.fd, recursive: true });
}

async function startNspawn(
  input: LaunchInput,
  { apps, held }: { readonly apps: readonly ResolvedApp[]; readonly held: readonly number[] },
): Promise<{ readonly pid: number }> {
  const { pod, manifest } = input;
  const capabilities = extraCapabilities(apps);
  const filter = isBaseFilterEnough(capabilities) ? readBaseFilter(pod.path("stage1/rootfs")) : [];
  const argv = planNspawnArgv(manifest, {
    program: NSPAWN,
    rootfs: pod.path("stage1/rootfs"),
    netns: input.netns,
    isSystemdHost: input.isSystemdHost,
    isOwnUnit: input.isOwnUnit,
    isInteractive: input.interactive && input.isTerminal,
    capabilities,
    maskedPaths: planProcMasks(input.hostPathKind),
  });
  // nspawn keeps its own bookkeeping there; a private, empty one spares it a complaint where /run is no tmpfs.
  input.ensureHostDir("/run/systemd/nspawn");
  mount({
    source: "tmpfs",
    target: "/run/systemd/nspawn",
    fsType: "tmpfs",
    flags: MS_NOSUID | MS_NODEV,
    data: "mode=0755",
  });
  // A host with systemd gives the pod a scope of its own instead.
  const cgroup = input.isSystemdHost ? undefined : PodCgroup.create(detectCgroupLayout(), podCgroupName(manifest.uuid));
  cgroup?.setDevicePolicy();
  limitPod(input, cgroup);
  const env = {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ...(filter.length === 0 ? {} : { SYSTEMD_SECCOMP: "0" }), // the pod's systemd does not get to see this
    ...input.notifyEnv,
  };
  const logFd = openat2(AT_FDCWD, pod.path("supervisor.log"), {
    flags: O_WRONLY | O_CREAT | O_APPEND,
    modeOctal: 0o600,
  });
  const nullFd = openat2(AT_FDCWD, "/dev/null", { flags: O_RDONLY });
  const isTty = input.interactive && input.isTerminal;
  if (input.mode === "spawn") {
    const program = { argv, env, cwd: pod.root, stdio: [nullFd, logFd, logFd, ...held] };
    const pid = startSupervisor(pod, program, { cgroup, confine: () => confine(filter) });
    for (const fd of [...held.filter((fd) => fd !== input.lockFd), logFd, nullFd]) close(fd);
    return { pid };
  }
  const stdio = isTty ? [undefined, undefined, logFd] : [nullFd, logFd, logFd];
  return becomeSupervisor(pod, { argv, env, cgroup, stdio, held, confine: () => confine(filter) });
}

/** The filter that came with the stage1 image; empty for an image without one. */
function readBaseFilter(rootfs: string): readonly Uint8Array[] {
  using root = RootedDir.open(rootfs);
  return BASE_FILTER_FILES.flatMap((path) =>
    root.stat(path) === undefined ? [] : [root.readBytes(path, MAX_FILTER_BYTES)],
  );
}

/** For good: this thread, nspawn and all of the pod. nspawn would also leave the caller's keys behind, but now may not. */
function confine(filter: readonly Uint8Array[]): void {
  if (filter.length === 0) return;
  joinNewSessionKeyring();
  for (const program of filter) installSyscallProgram(program);
}

function stage1Layers(manifest: PodManifest): readonly string[] {
  if (manifest.stage1.image !== undefined) return manifest.stage1.image.layers;
  throw new Stage1Error("stage1/not-built", `Cannot start pod ${manifest.uuid}: its manifest names no stage1 image`, {
    hint: "build it and prepare the pod again: gantry stage1 build systemd",
  });
}

function limitPod({ manifest, note }: LaunchInput, cgroup: PodCgroup | undefined): void {
  if (manifest.apps.every((app) => app.limits === undefined)) return;
  const { limits, notes } = planPodLimits(manifest.apps);
  for (const text of notes) note(text);
  const missing = cgroup?.setLimits(limits) ?? [];
  if (missing.length === 0) return;
  throw new Stage1Error(
    "stage1/unsupported-host",
    `Cannot limit ${missing.join(", ")}: this host has no such controller`,
    {
      hint: "see which controllers this host has: gantry doctor",
      data: { missing },
    },
  );
}
