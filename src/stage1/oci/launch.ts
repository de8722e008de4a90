import type { CheckpointRecord } from "../../pod/checkpoint-record.ts";
import type { PodApp } from "../../pod/manifest.ts";
import { openPodIdmap, type PodIdmap } from "../../pod/pod-idmap.ts";
import { makeEmptyVolumes, mountAppRoot } from "../../pod/pod-tree.ts";
import { openAppRoot, resolveApp } from "../../pod/resolve-app.ts";
import { readResolvedApp, writeResolvedApp } from "../../pod/resolved-app.ts";
import { openSharedVolumes, type SharedVolumes } from "../../pod/shared-volumes.ts";
import type { LaunchInput } from "../../pod/stage1-contract.ts";
import { type CgroupLayout, detectCgroupLayout, forgetCgroupLayout } from "../../sys/linux/cgroup-layout.ts";
import { AT_FDCWD, O_CLOEXEC, O_PATH } from "../../sys/linux/constants.ts";
import { openat2 } from "../../sys/linux/fs-calls.ts";
import { listMounts } from "../../sys/linux/mount-table.ts";
import {
  bindMount,
  enterPrivateMountNamespace,
  forbidDevicesOf,
  MountNamespace,
  unmount,
} from "../../sys/linux/mounts.ts";
import { OwnedFd } from "../../sys/linux/owned-fd.ts";
import type { PodCgroup } from "../../sys/linux/pod-cgroup.ts";
import { Stage1Error } from "../errors.ts";
import { type AppLaunch, containerId } from "./app-launch.ts";
import { limitApp } from "./app-limits.ts";
import { becomeTerminal, becomeWaiter, prepareWaiter, type Waiter } from "./become.ts";
import { createAppCgroup, createSupervisorCgroup, runtimeCgroupPath, supervisorCgroupPath } from "./cgroups.ts";
import { endQuietly } from "./checkpoint.ts";
import { compiledName, keepCompiled, withCompiled } from "./compiled-seccomp.ts";
import { type ContainerToBe, createContainer } from "./conmon.ts";
import { type AppStdio, connectApp } from "./connect-app.ts";
import { type ContainerOptions, collectOptions } from "./container-options.ts";
import { requireCriu } from "./criu.ts";
import { criuOptionsPath } from "./criu-options.ts";
import { writeEndScripts } from "./end-scripts.ts";
import { readBackground, writeBackground } from "./halting.ts";
import { makeNullDevice, nullPath } from "./null-device.ts";
import type { OciRuntime } from "./oci-runtime.ts";
import { startPodInit } from "./pod-init.ts";
import { stagePropagatedVolumes } from "./propagated-volumes.ts";
import {
  clearBeforeRestore,
  explainRestore,
  planRestore,
  type Restoring,
  restoreShared,
  runtimeForRestore,
} from "./restore.ts";
import { chooseRuntime, findProgram, type OciFlavor, withNetwork } from "./runtime.ts";
import { hideUnified, runtimeArgv, startContainer, writeRuntime } from "./runtime-calls.ts";
import { renderRuntimeScript } from "./scripts.ts";
import { makeShared, type Shared } from "./shared.ts";
import { planSpec } from "./spec.ts";
import { encodeSpec } from "./spec-text.ts";
import { assertMapped, giveStreams, placeRoot } from "./user-namespace.ts";
import { planVolumeMounts } from "./volume-mounts.ts";

/**
 * Starts every app of a pod as a container under conmon; what they share are namespaces that mounts keep. In the
 * foreground this process then becomes a shell that waits for the pod's lock, on a terminal the runtime itself.
 * @throws {PodError} for what the apps lack; {Stage1Error} "stage1/missing-tool", "stage1/start-failed"
 */
export async function launchOciPod(flavor: OciFlavor, input: LaunchInput): Promise<{ readonly pid: number }> {
  const runtime = withNetwork(await chooseRuntime(flavor, input.host, input.manifest.runtime), input);
  assertOffered(flavor, input);
  if (input.mode === "spawn") writeBackground(input.pod, input.background);
  return await mountAndStart(input, runtime);
}

/**
 * Starts the apps of a pod again from what `checkpoint` wrote, with the runtime that wrote it. What the pod's directory and
 * its image do not have is made as at the first start. @throws {Stage1Error} as `launchOciPod`, "stage1/checkpoint-failed"
 */
export async function restoreOciPod(
  flavor: OciFlavor,
  input: LaunchInput,
  record: CheckpointRecord,
): Promise<{ readonly pid: number }> {
  const { pod, manifest, host } = input;
  const runtime = withNetwork(await runtimeForRestore(flavor, input), input);
  assertOffered(flavor, input);
  const criu = runtime.isSandbox ? undefined : (await requireCriu(host, runtime)).path;
  const going = { ...input, background: readBackground(pod) };
  await clearBeforeRestore(going, { runtime, record });
  try {
    return await mountAndStart(going, runtime, { record, ...(criu === undefined ? {} : { criu }) });
  } catch (reason) {
    await endQuietly(pod, manifest);
    throw explainRestore(pod, reason);
  }
}

/** Mounts everything in a mount namespace of its own, which ends with the last supervisor. */
async function mountAndStart(
  input: LaunchInput,
  runtime: OciRuntime,
  restoring?: Restoring,
): Promise<{ readonly pid: number }> {
  const conmon = findProgram(input.host, "conmon");
  if (conmon === undefined) {
    throw new Stage1Error("stage1/missing-tool", "Cannot start pod: conmon is not installed", {
      hint: "install it: apt-get install conmon",
    });
  }
  makeEmptyVolumes(input.pod, input.manifest);
  using volumes = openSharedVolumes(input);
  using outside = MountNamespace.current();
  enterPrivateMountNamespace({ receive: true });
  try {
    return await startAll(input, { runtime, conmon, volumes, restoring, outside });
  } catch (reason) {
    for (const { mountPoint } of listMounts().toReversed()) {
      if (mountPoint.startsWith(`${input.pod.root}/`)) unmount(mountPoint);
    }
    leaveForHost(outside);
    throw reason;
  }
}

/** What a pod is started with. */
interface Programs {
  readonly runtime: OciRuntime;
  readonly conmon: string;
  readonly volumes: SharedVolumes;
  readonly restoring: Restoring | undefined;
  /** The mount namespace this process came from. */
  readonly outside: MountNamespace;
}

async function startAll(input: LaunchInput, programs: Programs): Promise<{ readonly pid: number }> {
  const { pod, manifest } = input;
  const { runtime, restoring, outside } = programs;
  if (runtime.cgroups === "own") hideUnified();
  if (!runtime.isSandbox) shieldProgram(runtime.path);
  const layout = detectCgroupLayout();
  writeRuntime(pod, runtime);
  for (const dir of ["status", "oci/exits", "ns"]) pod.ensureDir(dir, 0o700);
  makeNullDevice(pod);
  const supervisors = createSupervisorCgroup(manifest.uuid, layout);
  using stack = new DisposableStack();
  const going = manifest.apps.filter(({ name }) => restoring?.record.apps.includes(name) ?? true);
  const waiting = going.map((app) => openCgroup(input, { app, runtime, layout }));
  const start = (one: WaitingApp) => {
    const { container, copy } = startSupervisor(input, programs, { ...one, supervisors });
    return { container: stack.use(container), copy };
  };
  const supervised = restoring === undefined ? waiting.map(start) : [];
  using idmap = openPodIdmap(input);
  const how = { runtime, idmap };
  const shared = restoring === undefined ? makeShared(input, how) : restoreShared(input, how);
  const launches = waiting.map((one) => prepareApp(input, programs, { ...one, idmap }));
  if (manifest.sharing?.pid === "pod") {
    const cgroupsPath = runtime.cgroups === "managed" ? supervisorCgroupPath(manifest.uuid) : undefined;
    await startPodInit(input, { ...programs, idmap, namespaces: shared.namespaces, cgroup: supervisors, cgroupsPath });
  }
  const specs = launches.map((launch) => makeSpec(input, { launch, runtime, shared, idmap }));
  for (const [i, { container }] of supervised.entries()) container.begin(specs[i]?.text ?? "");
  for (const launch of launches) writeEndScripts(input, { launch, launches });
  if (restoring !== undefined) {
    const apps = waiting.map((one, i) => ({
      start: () => start(one).container,
      launch: launches[i],
      spec: specs[i]?.text,
    }));
    const pid = await restoreInTurn(input, runtime, apps);
    leaveForHost(outside);
    await input.meanwhile();
    return { pid };
  }
  const inside = stack.use(MountNamespace.current());
  leaveForHost(outside);
  for (const { copy } of supervised) copy();
  const besides = input.meanwhile();
  const pids = await Promise.all(supervised.map(({ container }) => container.pid()));
  for (const [i, launch] of launches.entries()) {
    finishContainer(input, { runtime, launch, pid: pids[i] ?? 0 });
    keepFilter(input, { launch, filter: specs[i]?.filter });
  }
  const isTerminal = isOnTerminal(input);
  const waiter = isTerminal ? undefined : await startApps(input, launches, { runtime, inside, outside });
  inside[Symbol.dispose](); // the last to leave unmounts everything, which takes its time
  if (input.mode === "exec") input.leaveRest();
  await besides;
  if (isTerminal) return becomeTerminal(input);
  return waiter === undefined ? { pid: pids[0] ?? 0 } : await becomeWaiter(input, waiter);
}

/** Keeps the filter that the runtime has compiled for the next container like it. */
function keepFilter(
  input: LaunchInput,
  { launch, filter }: { readonly launch: AppLaunch; readonly filter: string | undefined },
): void {
  const state = `oci/state/${containerId(input, launch.app.name)}`;
  keepCompiled(input.pod, { state, name: filter, cache: input.host.cache });
}

/** What runtimes leave undone. */
function finishContainer(
  { manifest: { userns } }: LaunchInput,
  { runtime, launch, pid }: { readonly runtime: OciRuntime; readonly launch: AppLaunch; readonly pid: number },
): void {
  giveStreams(userns, { pid, ...launch.resolved.credentials });
  // crun mounts the root anew without its restrictions; in a user namespace it cannot.
  if (!runtime.isSandbox && userns === undefined) forbidDevicesOf(pid);
}

/** One after the other: when one cannot go on, those after it have not been touched. Returns the pid of the first app. */
async function restoreInTurn(
  input: LaunchInput,
  runtime: OciRuntime,
  apps: readonly {
    readonly start: () => ContainerToBe;
    readonly launch: AppLaunch | undefined;
    readonly spec: string | undefined;
  }[],
): Promise<number> {
  const pids: number[] = [];
  for (const { start, launch, spec = "" } of apps) {
    const container = start();
    container.begin(spec);
    const pid = await container.pid();
    if (launch !== undefined) finishContainer(input, { runtime, launch, pid });
    pids.push(pid);
  }
  return pids[0] ?? 0;
}

/** Only programs have to live among the pod's mounts; what this process still does is about the host. */
function leaveForHost(outside: MountNamespace): void {
  outside.enter();
  forgetCgroupLayout();
}

/** Runtimes that read their configuration from beginning to end before anything else, and so can read it from a pipe. */
const READ_ONCE: ReadonlySet<string> = new Set(["crun", "runc"]);

/** An app whose cgroup is there. */
interface WaitingApp {
  readonly app: PodApp;
  readonly cgroup: PodCgroup;
  readonly options: ContainerOptions;
}

/** The cgroup of an app with everything it may not exceed: the runtime is in it as soon as it is started. */
function openCgroup(
  input: LaunchInput,
  { app, runtime, layout }: { readonly app: PodApp; readonly runtime: OciRuntime; readonly layout: CgroupLayout },
): WaitingApp {
  const options = collectOptions(input, app);
  const cgroup = createAppCgroup(input.manifest.uuid, app.name, layout);
  limitApp(input, { app, cgroup, runtime, options });
  return { app, cgroup, options };
}

function startSupervisor(
  input: LaunchInput,
  { runtime, conmon, restoring }: Programs,
  { app, cgroup, supervisors }: WaitingApp & { readonly supervisors: PodCgroup },
): { readonly container: ContainerToBe; readonly copy: AppStdio["copy"] } {
  const { pod, lockFd, background } = input;
  const { name } = app;
  const isTerminal = isOnTerminal(input);
  pod.ensureDir(`apps/${name}/bundle`, 0o700);
  const joinFiles = runtime.cgroups === "own" ? cgroup.joinFiles : [];
  const isSpecAwaited = restoring === undefined && READ_ONCE.has(runtime.name);
  const calls = { joinFiles, null: nullPath(pod), criu: restoring?.criu, isSpecAwaited };
  pod.writePlain(`apps/${name}/runtime`, renderRuntimeScript(runtimeArgv(pod, runtime), calls), 0o700);
  using stdio = connectApp(input, { app: name, isTerminal });
  const container = createContainer({
    ...{ conmon, pod, app: name, lockFd },
    id: containerId(input, name),
    isSpecAwaited,
    cgroup: supervisors,
    stdio: stdio.fds,
    ...(isTerminal ? { stdin: true, tty: true } : background),
    ...(restoring === undefined ? {} : { restore: planRestore(input, { app, ...restoring }) }),
  });
  return { container, copy: stdio.copy };
}

/** Lets apps begin whose containers are there. In the foreground signals are theirs from then on, and kept for the waiter. */
async function startApps(
  input: LaunchInput,
  launches: readonly AppLaunch[],
  { runtime, inside, outside }: Pick<Programs, "runtime" | "outside"> & { readonly inside: MountNamespace },
): Promise<Waiter | undefined> {
  let waiter: Waiter | undefined;
  for (const { app } of launches) {
    input.pod.writePlain(`apps/${app.name}/started`, "", 0o600);
    inside.enter(); // where the runtime finds itself shielded
    const started = startContainer(input, { runtime, app: app.name, id: containerId(input, app.name) });
    outside.enter();
    if (input.mode === "exec") waiter ??= prepareWaiter(input); // while the runtime works
    await started;
  }
  return waiter;
}

function prepareApp(
  input: LaunchInput,
  { volumes, restoring }: Programs,
  { app, cgroup, options, idmap }: WaitingApp & { readonly idmap: PodIdmap | undefined },
): AppLaunch {
  const { pod, manifest } = input;
  const staged = stagePropagatedVolumes(input, { app, volumes, idmap });
  mountAppRoot(input, staged.app, { dirs: staged.dirs, idmap });
  const root = openAppRoot(pod.path(`apps/${app.name}/rootfs`), manifest.userns);
  const resolved =
    restoring === undefined
      ? resolveApp(root, app, isOnTerminal(input) ? "tty" : "null")
      : { app, ...readResolvedApp(pod, app.name), stdin: "null" as const };
  assertMapped(manifest.userns, { app: app.name, ...resolved.credentials });
  writeResolvedApp(pod, resolved);
  return { app, resolved, options: { ...options, mounts: [...options.mounts, ...staged.mounts] }, cgroup };
}

/**
 * Lets nobody write to a program by way of /proc/PID/exe: runtimes that find themselves on a read-only mount need not make a
 * copy of themselves first, which takes them longer than all they do for a container.
 */
function shieldProgram(path: string): void {
  using program = new OwnedFd(openat2(AT_FDCWD, path, { flags: O_PATH | O_CLOEXEC })); // where links lead to
  bindMount({ source: program.fd, target: program.fd, readOnly: true });
}

/** One app, and what all apps of the pod have in common. */
interface AppFiles {
  readonly launch: AppLaunch;
  readonly runtime: OciRuntime;
  readonly shared: Shared;
  readonly idmap: PodIdmap | undefined;
}

function planAppSpec(input: LaunchInput, { launch, runtime, shared, idmap }: AppFiles): ReturnType<typeof planSpec> {
  const { pod, manifest } = input;
  const { app, resolved, options } = launch;
  return planSpec({
    resolved,
    rootfs: placeRoot(idmap, { app: app.name, rootfs: pod.path(`apps/${app.name}/rootfs`) }),
    hostname: manifest.hostname,
    ...(manifest.userns === undefined ? {} : { idMappings: manifest.userns }),
    ...shared,
    ...(runtime.isSandbox ? {} : { criuOptions: pod.path(criuOptionsPath(app.name)) }),
    options:
      runtime.isSandbox && app.readOnlyRootfs
        ? { ...options, mounts: [...planVolumeMounts(pod, { app, volumes: manifest.volumes }), ...options.mounts] }
        : options,
    cgroupsPath: runtime.cgroups === "managed" ? runtimeCgroupPath(manifest.uuid, app.name) : undefined,
    terminal: isOnTerminal(input) || input.background.tty,
    machine: process.arch,
  });
}

/** The text of an app's configuration, and the name of its compiled filter. */
function makeSpec(input: LaunchInput, files: AppFiles): { readonly text: string; readonly filter: string | undefined } {
  const spec = planAppSpec(input, files);
  const filter = compiledName(spec, files.runtime, input.host);
  return { text: encodeSpec(withCompiled(spec, filter, input.host)), filter };
}

function assertOffered({ regime }: OciFlavor, { manifest }: LaunchInput): void {
  if (regime === "gvisor" && manifest.apps.length > 1) {
    throw new Stage1Error(
      "stage1/unsupported",
      "Cannot start a pod of several apps: gvisor gives each a kernel of its own",
      {
        hint: "run one app per pod, or use --stage1=oci",
      },
    );
  }
  const app = manifest.apps.find((one) => one.preStart !== undefined || one.postStop !== undefined);
  if (app === undefined) return;
  throw new Stage1Error("stage1/unsupported", `Cannot start app "${app.name}": ${regime} runs no event handlers`, {
    hint: "the image wants a program before its start or after its end: use --stage1=systemd",
    data: { app: app.name },
  });
}

/** The caller's terminal is the app's. */
function isOnTerminal({ mode, interactive, isTerminal }: LaunchInput): boolean {
  return mode === "exec" && interactive && isTerminal;
}
