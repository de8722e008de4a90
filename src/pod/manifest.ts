import type { Digest } from "../image/digest.ts";
import type { IdMappings } from "../sys/linux/user-namespace.ts";
import type { IsolatorOutcome } from "./appc-app.ts";
import type { AppLimits } from "./limits.ts";
import type { AppName, PodId, PodName } from "./names.ts";
import type { MountOption, NetOption, PodOption, PortOption, VolumeOption } from "./options.ts";
import type { AppRunOptions, PodRunOptions } from "./run-options.ts";
import type { SyscallChange } from "./seccomp-profile.ts";

/** An image as a pod uses it: decided once, at prepare, by digest. */
export interface PodImage {
  /** As the user gave it, for messages. */
  readonly name: string;
  readonly digest: Digest;
  readonly configDigest: Digest;
  /** Directory names under `layers/`, lowest first. */
  readonly layers: readonly string[];
  /** The layer whose root directory has the attributes the merged root gets; overlayfs shows only the topmost. */
  readonly rootLayer?: string;
}

/** One app, complete except for what only the mounted root file system can tell (numeric ids, absolute executable). */
export interface PodApp extends AppRunOptions {
  readonly name: AppName;
  readonly image: PodImage;
  /** Program and arguments as asked for; the program may still need a PATH lookup. */
  readonly argv: readonly string[];
  readonly env: readonly string[];
  /** `user[:group]` as the image or the option says; "" is root. */
  readonly user: string;
  readonly group?: string;
  readonly supplementaryGids: readonly number[];
  readonly workingDir: string;
  readonly mounts: readonly MountOption[];
  readonly readOnlyRootfs: boolean;
  /** Capability names without `CAP_`, sorted: the bounding set. */
  readonly capabilities: readonly string[];
  readonly noNewPrivileges: boolean;
  readonly seccomp: "default" | "unconfined";
  /** How the default filter is changed for this app. */
  readonly syscalls?: SyscallChange;
  /** How much rather than others the app is killed when memory runs out: 0 to 1000. */
  readonly oomScoreAdj?: number;
  readonly stopSignal: string;
  /** Programs that run, as root, before the app starts and after it has ended. */
  readonly preStart?: readonly string[];
  readonly postStop?: readonly string[];
  /** What became of the isolators the image or pod manifest asked for. */
  readonly isolators?: readonly IsolatorOutcome[];
  readonly limits?: AppLimits;
}

/** Name and programs of a stage1 image, by absolute path inside it. Spec: docs/stage1-contract.md. */
export interface Stage1EntryPoints {
  readonly name: string;
  readonly run: string;
  readonly enter: string;
  readonly stop: string;
  readonly gc: string;
  readonly attach?: string;
}

/** A user namespace as decided. Where `kind` is "auto" nobody but this pod has its ids. */
export interface UserNamespace extends IdMappings {
  readonly kind: "auto" | "explicit";
}

/** Everything that decides what a pod runs, written once at prepare; its hash goes into the events. */
export interface PodManifest extends PodRunOptions {
  readonly gantryKind: "pod";
  readonly gantryVersion: "v1";
  readonly uuid: PodId;
  readonly name?: PodName;
  readonly hostname: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAt: string;
  /** Whoever notices its end removes it. */
  readonly autoRemove?: true;
  /** `image` is absent for regimes that need none. */
  readonly stage1: {
    readonly regime: string;
    readonly image?: PodImage;
    /** Programs of an image that is a stage1 by itself. */
    readonly entries?: Stage1EntryPoints;
  };
  readonly apps: readonly PodApp[];
  /** The user namespace of all apps; absent: the host's. Its ids are the pod's until it is removed. */
  readonly userns?: UserNamespace;
  readonly volumes: readonly VolumeOption[];
  readonly nets: readonly NetOption[];
  readonly ports: readonly PortOption[];
  readonly dns: PodOption["dns"];
  readonly hostsEntries: PodOption["hostsEntries"];
  /** The appc pod manifest the pod was asked for with, as it was given. */
  readonly appcPodManifest?: string;
  /** Checks that were off when the pod was prepared. */
  readonly insecureOptions: readonly string[];
}
