import type { PodApp } from "../../pod/manifest.ts";
import { makeEmptyVolumes, mountAppRoot } from "../../pod/pod-tree.ts";
import { openAppRoot, resolveApp } from "../../pod/resolve-app.ts";
import { type ResolvedApp, writeResolvedApp } from "../../pod/resolved-app.ts";
import { openSharedVolumes, type SharedVolumes } from "../../pod/shared-volumes.ts";
import type { LaunchInput } from "../../pod/stage1-contract.ts";
import { detectCgroupLayout, withoutIdleUnified } from "../../sys/linux/cgroup-layout.ts";
import { AT_FDCWD, CLONE_NEWNET, O_RDONLY } from "../../sys/linux/constants.ts";
import { close, openat2 } from "../../sys/linux/fs-calls.ts";
import { setns } from "../../sys/linux/mount-calls.ts";
import { listMounts } from "../../sys/linux/mount-table.ts";
import { bindMount, enterPrivateMountNamespace, unmount } from "../../sys/linux/mounts.ts";
import { PodCgroup } from "../../sys/linux/pod-cgroup.ts";
import { dieOfSignals } from "../../sys/linux/process-calls.ts";
import { RootedDir } from "../../sys/linux/rooted-dir.ts";
import { syscallNumber } from "../../sys/linux/syscall-numbers.ts";
import { connectStdio } from "../app-stdio.ts";
import { Stage1Error } from "../errors.ts";
import { limitPodCgroup, podCgroupName } from "../pod-cgroups.ts";
import { becomeSupervisor, startSupervisor } from "../pod-supervisor.ts";
import { prlimitArgs, settableUlimits } from "../ulimits.ts";
import { PERL } from "./probe.ts";
import { SUPERVISE_SCRIPT } from "./supervise-script.ts";

/** Gives limits to what it becomes. Part of every Debian. */
const PRLIMIT = "/usr/bin/prlimit";

/** What an app sees of the host, with everything mounted beneath: an agent of the host has to reach it. */
const HOST_TREES = ["/proc", "/sys", "/dev"] as const;

/**
 * Starts the only app of a pod in a chroot: its own root and volumes, otherwise the host's devices, processes and rights.
 * @throws {PodError} for what the app lacks; {Stage1Error} "stage1/unsupported" for several apps, "stage1/missing-tool"
 */
export async function launchFlyPod(input: LaunchInput): Promise<{ readonly pid: number }> {
  const [app, second] = input.manifest.apps;
  if (app === undefined || second !== undefined) {
    throw new Stage1Error("stage1/unsupported", "Cannot start pod: the fly regime runs exactly one app", {
      hint: "give each app a pod of its own, or use --stage1=systemd",
    });
  }
  if (input.hostPathKind(PERL) === undefined) {
    throw new Stage1Error("stage1/missing-tool", `Cannot start pod: ${PERL} is not installed`, {
      hint: "install it: apt-get install perl-base",
    });
  }
  if (input.mode === "exec") dieOfSignals();
  makeEmptyVolumes(input.pod, input.manifest);
  using volumes = openSharedVolumes(input);
  enterPrivateMountNamespace({ receive: true });
  try {
    return mountAndStart(input, { app, volumes });
  } catch (reason) {
    // Only this namespace sees the mounts; without them the pod directory can be removed.
    for (const { mountPoint } of listMounts().toReversed()) {
      if (mountPoint.startsWith(`${input.pod.root}/`)) unmount(mountPoint);
    }
    throw reason;
  }
}

function mountAndStart(
  input: LaunchInput,
  { app, volumes }: { readonly app: PodApp; readonly volumes: SharedVolumes },
): { readonly pid: number } {
  const { pod } = input;
  const layout = withoutIdleUnified(detectCgroupLayout()); // before the host's trees are there a second time
  mountAppRoot(input, app, { shared: volumes });
  const rootfs = pod.path(`apps/${app.name}/rootfs`);
  bindHostTrees(rootfs);
  const resolved = resolveApp(openAppRoot(rootfs), app, stdinOf(input));
  writeResolvedApp(pod, resolved);
  pod.ensureDir("status", 0o700);
  pod.ensureDir("shared", 0o755);
  const isTty = input.interactive && input.isTerminal;
  const writers = isTty
    ? []
    : connectStdio(pod, { apps: [app.name], toCaller: input.mode === "exec", fromCaller: false });
  const cgroup = PodCgroup.create(layout, podCgroupName(input.manifest.uuid));
  limitPodCgroup(input.manifest, cgroup);
  return start(input, { argv: superviseArgv(input, { resolved, rootfs, isTty }), writers, cgroup, isTty });
}

function stdinOf(input: LaunchInput): ResolvedApp["stdin"] {
  if (!input.interactive) return "null";
  return input.isTerminal ? "tty" : "fifo";
}

function bindHostTrees(rootfs: string): void {
  using root = RootedDir.open(rootfs);
  for (const tree of HOST_TREES) {
    using at = root.resolve(tree, { follow: false });
    bindMount({ source: tree, target: at.fd, recursive: true });
  }
}

function superviseArgv(
  { pod, note }: LaunchInput,
  { resolved, rootfs, isTty }: { readonly resolved: ResolvedApp; readonly rootfs: string; readonly isTty: boolean },
): readonly [string, ...string[]] {
  const { app, credentials, argv } = resolved;
  const ulimits = settableUlimits(app.ulimits ?? [], { app: app.name, note });
  const [first, ...before] = ulimits.length === 0 ? [PERL] : ([PRLIMIT, ...prlimitArgs(ulimits), PERL] as const);
  return [
    first,
    ...before,
    "-e",
    SUPERVISE_SCRIPT,
    "--",
    rootfs,
    app.workingDir,
    String(credentials.uid),
    String(credentials.gid),
    credentials.groups.join(","),
    pod.path(`status/${app.name}`),
    String(syscallNumber("prctl")),
    String(syscallNumber("close_range")),
    isTty ? "1" : "",
    argv[0] ?? "",
    app.argv[0] ?? "",
    ...argv.slice(1),
  ];
}

interface Start {
  readonly argv: readonly [string, ...string[]];
  /** Write ends of the app's output: stdout, stderr. */
  readonly writers: readonly number[];
  readonly cgroup: PodCgroup;
  readonly isTty: boolean;
}

function start(input: LaunchInput, { argv, writers, cgroup, isTty }: Start): { readonly pid: number } {
  const { pod } = input;
  const env = Object.fromEntries(environmentOf(input));
  const nullFd = openat2(AT_FDCWD, "/dev/null", { flags: O_RDONLY });
  if (input.netns !== "host") joinNetwork(input.netns.path);
  if (input.mode === "spawn") {
    const [out = nullFd, err = nullFd] = writers;
    const program = { argv, env, cwd: "/", stdio: [nullFd, out, err, input.lockFd] };
    const pid = startSupervisor(pod, program, { cgroup });
    for (const fd of [...writers, nullFd]) close(fd);
    return { pid };
  }
  const stdio = [input.interactive ? undefined : nullFd, ...(isTty ? [] : writers)];
  return becomeSupervisor(pod, { argv, env, cgroup, stdio, held: [input.lockFd] });
}

function environmentOf({ pod, manifest }: LaunchInput): (readonly [string, string])[] {
  const [app] = manifest.apps;
  const { env }: { readonly env: readonly string[] } =
    app === undefined ? { env: [] } : JSON.parse(pod.readText(`apps/${app.name}/resolved.json`));
  return env.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)] as const);
}

function joinNetwork(path: string): void {
  const fd = openat2(AT_FDCWD, path, { flags: O_RDONLY });
  try {
    setns(fd, CLONE_NEWNET);
  } finally {
    close(fd);
  }
}
