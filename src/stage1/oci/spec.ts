import { mergeEnv } from "../../pod/environment.ts";
import type { ResolvedApp } from "../../pod/resolved-app.ts";
import { allowedSyscalls } from "../../pod/seccomp-profile.ts";
import { windowSize } from "../../sys/linux/terminal-calls.ts";
import type { IdMappings } from "../../sys/linux/user-namespace.ts";
import type { ContainerOptions } from "./container-options.ts";
import { CRIU_ANNOTATION } from "./criu-options.ts";

/** What decides a container's configuration besides the app itself. */
export interface SpecInput {
  readonly resolved: ResolvedApp;
  readonly rootfs: string;
  readonly hostname: string;
  /** Files of namespaces the apps of a pod share; undefined for network: the host's. */
  readonly namespaces: {
    readonly user?: string;
    readonly network: string | undefined;
    readonly ipc?: string | "host";
    readonly uts?: string;
    readonly pid?: string | "host";
  };
  /** Of the user namespace; given with its file, for runtimes that do not read them from there. */
  readonly idMappings?: IdMappings;
  /** Host directory that is /dev/shm; undefined: one of the container's own. */
  readonly shm?: string;
  readonly shmBytes?: number;
  /** false: the host's queues, which only it can mount, are not mounted there. */
  readonly hasMqueue?: boolean;
  readonly options: ContainerOptions;
  /** Relative to the root of every hierarchy; undefined: the runtime leaves cgroups alone. */
  readonly cgroupsPath: string | undefined;
  readonly terminal: boolean;
  readonly machine: string;
  /** File that holds more options for criu whenever it is called. */
  readonly criuOptions?: string;
}

type Json = Readonly<Record<string, unknown>>;

/** The runtime's configuration of one app. Pure. Spec: OCI runtime-spec v1.2.0, config.md and config-linux.md */
export function planSpec(input: SpecInput): Json {
  const { resolved, rootfs, hostname, options } = input;
  const { app } = resolved;
  return {
    ociVersion: "1.0.2",
    process: planProcess(input),
    root: { path: rootfs, readonly: app.readOnlyRootfs },
    hostname,
    mounts: [...planMounts(input), ...options.mounts],
    annotations: {
      ...options.annotations,
      "org.opencontainers.image.stopSignal": app.stopSignal,
      ...(input.criuOptions === undefined ? {} : { [CRIU_ANNOTATION]: input.criuOptions }),
    },
    ...(Object.keys(options.hooks).length === 0 ? {} : { hooks: options.hooks }),
    linux: {
      ...(input.cgroupsPath === undefined ? {} : { cgroupsPath: input.cgroupsPath }),
      resources: planResources(input),
      namespaces: planNamespaces(input),
      ...planIdMappings(input.idMappings),
      maskedPaths: options.maskedPaths,
      readonlyPaths: options.readonlyPaths,
      ...(Object.keys(options.sysctl).length === 0 ? {} : { sysctl: options.sysctl }),
      ...(options.devices.length === 0 ? {} : { devices: options.devices.map(({ access: _, ...device }) => device) }),
      ...(app.seccomp === "default" ? { seccomp: planSeccomp(app, input.machine) } : {}),
      ...options.linux,
    },
  };
}

/** A process as `create` and `exec` take it. */
export function planProcess({
  resolved,
  terminal,
  options,
}: Pick<SpecInput, "resolved" | "terminal"> & { readonly options?: Partial<ContainerOptions> }): Json {
  const { app, credentials } = resolved;
  const all = app.capabilities.map((name) => `CAP_${name}`);
  const own = credentials.uid === 0 ? all : [];
  return {
    terminal,
    ...planConsole(terminal),
    user: {
      uid: credentials.uid,
      gid: credentials.gid,
      additionalGids: [...new Set([...credentials.groups, ...(options?.gids ?? [])])],
      umask: 0o022,
    },
    args: resolved.argv,
    env: mergeEnv(terminal ? ["TERM=xterm"] : [], options?.env ?? [], resolved.env),
    cwd: app.workingDir,
    capabilities: { bounding: all, effective: own, permitted: own, inheritable: [], ambient: [] },
    noNewPrivileges: app.noNewPrivileges,
    ...(app.oomScoreAdj === undefined ? {} : { oomScoreAdj: app.oomScoreAdj }),
    ...(options?.rlimits === undefined || options.rlimits.length === 0 ? {} : { rlimits: options.rlimits }),
    ...options?.process,
  };
}

/** The size of the caller's terminal, where that is the app's; one that is attached to later brings its own. */
function planConsole(terminal: boolean): Json {
  const size = terminal ? windowSize(1) : undefined;
  return size === undefined ? {} : { consoleSize: { height: size.rows, width: size.columns } };
}

function planNamespaces({ namespaces }: SpecInput): Json[] {
  return [
    ...planUser(namespaces),
    { type: "mount" },
    ...planNamespace("pid", namespaces.pid),
    ...planNamespace("ipc", namespaces.ipc),
    namespaces.uts === undefined ? { type: "uts" } : { type: "uts", path: namespaces.uts },
    { type: "cgroup" },
    ...(namespaces.network === undefined ? [] : [{ type: "network", path: namespaces.network }]),
  ];
}

/** The user namespace to join, where it is not the host's. */
export function planUser({ user }: SpecInput["namespaces"]): Json[] {
  return user === undefined ? [] : [{ type: "user", path: user }];
}

/** The maps of a user namespace as a runtime takes them. */
export function planIdMappings(idMappings: IdMappings | undefined): Json {
  if (idMappings === undefined) return {};
  const { uidMappings, gidMappings } = idMappings;
  const inOrder = (map: IdMappings["uidMappings"]) =>
    map.map(({ containerId, hostId, size }) => ({ containerID: containerId, hostID: hostId, size }));
  return { uidMappings: inOrder(uidMappings), gidMappings: inOrder(gidMappings) };
}

function planNamespace(type: string, path: string | undefined): Json[] {
  if (path === "host") return [];
  return [path === undefined ? { type } : { type, path }];
}

function planMounts({ namespaces, shm, shmBytes = 64 * 1024 * 1024, hasMqueue = true }: SpecInput): Json[] {
  const quiet = ["nosuid", "noexec", "nodev"];
  // A new sysfs shows the network of the process that mounts it, which the host's may not be asked to.
  const sys =
    namespaces.network === undefined
      ? { destination: "/sys", type: "bind", source: "/sys", options: ["rbind", ...quiet, "ro"] }
      : { destination: "/sys", type: "sysfs", source: "sysfs", options: [...quiet, "ro"] };
  // What shows a namespace of the host can be mounted anew only by the host's root.
  const isForeign = (of: string | undefined) => namespaces.user !== undefined && of === "host";
  const mqueue = isForeign(namespaces.ipc)
    ? { destination: "/dev/mqueue", type: "bind", source: "/dev/mqueue", options: ["rbind", ...quiet] }
    : { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: quiet };
  return [
    isForeign(namespaces.pid)
      ? { destination: "/proc", type: "bind", source: "/proc", options: ["rbind", ...quiet] }
      : { destination: "/proc", type: "proc", source: "proc", options: quiet },
    {
      destination: "/dev",
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "noexec", "strictatime", "mode=755", "size=65536k"],
    },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    ...(hasMqueue ? [mqueue] : []),
    shm === undefined
      ? { destination: "/dev/shm", type: "tmpfs", source: "shm", options: [...quiet, "mode=1777", `size=${shmBytes}`] }
      : { destination: "/dev/shm", type: "bind", source: shm, options: ["bind", ...quiet] },
    sys,
    ...(namespaces.network === undefined
      ? []
      : [{ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: [...quiet, "relatime", "ro"] }]),
  ];
}

function planResources({ resolved, options }: SpecInput): Json {
  const { limits } = resolved.app;
  const period = 100_000;
  return {
    devices: [
      { allow: false, access: "rwm" },
      ...options.devices.map(({ type, major, minor, access }) => ({ allow: true, type, major, minor, access })),
    ],
    ...(limits?.memoryBytes === undefined ? {} : { memory: { limit: limits.memoryBytes } }),
    ...(limits?.cpuMillis === undefined
      ? {}
      : { cpu: { quota: Math.max(1000, Math.round((limits.cpuMillis * period) / 1000)), period } }),
    ...(limits?.pids === undefined ? {} : { pids: { limit: limits.pids } }),
  };
}

function planSeccomp(app: ResolvedApp["app"], machine: string): Json {
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 1,
    architectures: machine === "arm64" ? ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"] : ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
    syscalls: [{ names: allowedSyscalls(app), action: "SCMP_ACT_ALLOW" }],
  };
}
