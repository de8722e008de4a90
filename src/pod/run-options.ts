import type { MountPropagation } from "../sys/linux/mounts.ts";

/** A resource limit of the kernel, as setrlimit(2) takes it. */
export interface Ulimit {
  /** As in limits.conf(5): `nofile`, `nproc`, `memlock` … */
  readonly name: UlimitName;
  readonly soft: number | "unlimited";
  readonly hard: number | "unlimited";
}

/** Limits that setrlimit(2) knows. */
export const ULIMIT_NAMES = [
  "as",
  "core",
  "cpu",
  "data",
  "fsize",
  "locks",
  "memlock",
  "msgqueue",
  "nice",
  "nofile",
  "nproc",
  "rss",
  "rtprio",
  "rttime",
  "sigpending",
  "stack",
] as const;

/** One of them. */
export type UlimitName = (typeof ULIMIT_NAMES)[number];

/** A device of the host, or every device of a directory. */
export interface DeviceOption {
  readonly source: string;
  readonly target: string;
  /** Some of `r`, `w`, `m`. */
  readonly access: string;
}

/** What is to differ from the usual confinement of an app. */
export interface SecurityOption {
  /** Text of a seccomp profile in Docker's format; takes the place of the default filter. */
  readonly seccompProfile?: string;
  /** SELinux: `disable`, or the parts of a label by `user`, `role`, `type`, `level`. */
  readonly label?: "disable" | Readonly<Record<string, string>>;
  /** Name of a profile that is loaded, or `unconfined`. */
  readonly apparmor?: string;
  /** Kernel paths hidden besides the usual ones. */
  readonly mask?: readonly string[];
  /** Kernel paths neither hidden nor made read-only; `ALL` for all. */
  readonly unmask?: readonly string[];
}

/** What the apps of a pod share with each other or with the host. */
export interface SharingOption {
  readonly pid?: "private" | "pod" | "host";
  readonly ipc?: "private" | "pod" | "host";
}

/** How mounts that come later pass between host and app. Spec: mount_namespaces(7), "SHARED SUBTREES" */
export type Propagation = MountPropagation;

/** Options of one app that not every regime has. */
export interface AppRunOptions {
  readonly ulimits?: readonly Ulimit[];
  readonly devices?: readonly DeviceOption[];
  /** Names of the Container Device Interface: `vendor.com/class=name`. */
  readonly cdiDevices?: readonly string[];
  readonly security?: SecurityOption;
}

/** Options of the whole pod that not every regime has. */
export interface PodRunOptions {
  readonly sharing?: SharingOption;
  readonly shmBytes?: number;
  readonly sysctls?: Readonly<Record<string, string>>;
  /** Program of the regime's runtimes to use; undefined: the fastest. */
  readonly runtime?: string;
  /** A TPM of its own for the pod, and firmware that measures into it what is started. */
  readonly tpm?: true;
  /** Where CDI specifications are looked for, weakest first; undefined: /etc/cdi and /var/run/cdi. */
  readonly cdiSpecDirs?: readonly string[];
  /** Where OCI hooks are looked for, weakest first; undefined: as podman has them. */
  readonly hooksDirs?: readonly string[];
}

/** Options a regime has to say that it has. */
export type RunOption =
  | "ulimit"
  | "device"
  | "cdi"
  | "seccomp-profile"
  | "label"
  | "apparmor"
  | "mask"
  | "pid"
  | "ipc"
  | "shm-size"
  | "sysctl"
  | "runtime"
  | "tpm"
  | "hooks-dir"
  | "userns"
  | "idmap"
  | "propagation"
  | "shared-propagation"
  | "attach";

/** The members of an option that are an app's. */
export function appRunOptions({ ulimits, devices, cdiDevices, security }: AppRunOptions): AppRunOptions {
  return present({ ulimits, devices, cdiDevices, security });
}

/** The members of an option that are the pod's. */
export function podRunOptions(option: PodRunOptions): PodRunOptions {
  const { sharing, shmBytes, sysctls, runtime, tpm, cdiSpecDirs, hooksDirs } = option;
  return present({ sharing, shmBytes, sysctls, runtime, tpm, cdiSpecDirs, hooksDirs });
}

function present<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never;
}
