import type { AciApp } from "../image/aci/app.ts";
import type { NameValue } from "../image/aci/name-values.ts";
import type { IdMappings } from "../sys/linux/user-namespace.ts";
import type { AppLimits } from "./limits.ts";
import type { AppRunOptions, PodRunOptions, Propagation } from "./run-options.ts";

/** What a user asks for, before any image is looked at. Produced by `cli` and `cri`, consumed by `engine`. */

/** A volume usable by every app of the pod. Spec: appc pod manifest "volumes". */
export type VolumeOption =
  | {
      readonly kind: "host";
      readonly name: string;
      readonly source: string;
      readonly readOnly: boolean;
      readonly recursive: boolean;
    }
  | {
      readonly kind: "empty";
      readonly name: string;
      readonly modeOctal: number;
      readonly uid: number;
      readonly gid: number;
    };

/** Where one app sees a volume. */
export interface MountOption {
  readonly volume: string;
  /** Absolute path inside the app. */
  readonly target: string;
  readonly readOnly: boolean;
  /** Undefined: as the regime does by itself. */
  readonly propagation?: Propagation;
  /** Owners of files are the same ids in the pod's user namespace; or those of the map. */
  readonly idmap?: true | VolumeIdMap;
}

/** Files that belong to ids from `fileId` on, where they are kept, belong to those from `id` on. */
export interface VolumeIdRange {
  readonly fileId: number;
  readonly id: number;
  readonly size: number;
  /** `id` is one of the pod's user namespace, not of the host's. */
  readonly isOfPod: boolean;
}

/** Owners of a volume, by the ids that its file system keeps. */
export interface VolumeIdMap {
  readonly uids: readonly VolumeIdRange[];
  readonly gids: readonly VolumeIdRange[];
}

/**
 * A user namespace of the pod's own: with ids that no other pod of this root has, some of them mapped as given; or with
 * exactly these maps.
 */
export type UserNamespaceOption = IdMappings &
  ({ readonly kind: "auto"; readonly size: number } | { readonly kind: "explicit" });

/** A host port led into the pod. Ranges are expanded by the parser. */
export interface PortOption {
  /** "" means every address. */
  readonly hostIp: string;
  readonly hostPort: number;
  readonly podPort: number;
  readonly protocol: "tcp" | "udp" | "sctp";
}

/** One `--net` entry: `name[:KEY=VALUE;…]`. */
export interface NetOption {
  readonly name: string;
  readonly args: Readonly<Record<string, string>>;
}

/** One app of a pod as asked for; undefined means "as the image says". */
export interface AppOption extends AppRunOptions {
  readonly image: string;
  readonly name?: string;
  /** Replaces the image's entrypoint. */
  readonly exec?: string;
  /** After `--`; replaces the image's cmd when not empty. */
  readonly args: readonly string[];
  /** `NAME=value`, later wins; applied over the image's. */
  readonly env: readonly string[];
  readonly user?: string;
  readonly group?: string;
  readonly supplementaryGids: readonly number[];
  readonly workingDir?: string;
  readonly mounts: readonly MountOption[];
  readonly readOnlyRootfs: boolean;
  /** Capability names without `CAP_`, upper case, added to or dropped from the default set; `ALL` allowed. */
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  /** false lets setuid programs gain privileges (only without a seccomp filter or as root). */
  readonly noNewPrivileges: boolean;
  /** `default`, or `unconfined`. */
  readonly seccomp: "default" | "unconfined";
  readonly limits?: AppLimits;
  /** App section of an appc pod manifest: replaces what the image says of how it is run. */
  readonly appc?: AciApp;
  /** What an appc pod manifest says of the image: an image that says otherwise is refused. */
  readonly expectedAci?: { readonly name?: string; readonly labels: readonly NameValue[] };
}

/** A host port led to a port that an appc image gives a name. */
export interface NamedPort {
  readonly name: string;
  readonly hostPort: number;
  /** "" means every address. */
  readonly hostIp: string;
}

/** A pod as asked for. */
export interface PodOption extends PodRunOptions {
  readonly apps: readonly AppOption[];
  /** Undefined: the host's. */
  readonly userns?: UserNamespaceOption;
  /** Unique name; undefined: none. */
  readonly name?: string;
  readonly hostname?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Remove it once it has ended. */
  readonly autoRemove?: boolean;
  readonly volumes: readonly VolumeOption[];
  /** Empty: the default network. `none` and `host` stand alone. */
  readonly nets: readonly NetOption[];
  readonly ports: readonly PortOption[];
  readonly namedPorts?: readonly NamedPort[];
  /** Text of the appc pod manifest the pod was asked for with. */
  readonly appcPodManifest?: string;
  readonly dns: {
    /** `host` copies the host's resolv.conf, `none` writes none, a list is used as given; undefined: from the networks. */
    readonly servers?: readonly string[] | "host" | "none";
    readonly search: readonly string[];
    readonly options: readonly string[];
  };
  /** `IP=HOST` pairs, or "host" for the host's own file. */
  readonly hostsEntries: readonly { readonly ip: string; readonly host: string }[] | "host";
  /** Name of the regime, `systemd` when undefined. */
  readonly stage1?: string;
  /** Platform asked for, `os/arch[/variant]`; undefined: this host's. */
  readonly platform?: string;
  readonly pullPolicy: "new" | "update" | "never";
}
