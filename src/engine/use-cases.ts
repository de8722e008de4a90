import type { UserNamespace } from "../pod/manifest.ts";
import type { PodOption } from "../pod/options.ts";

/** Life-cycle states as `list` and `status` show them. */
export type PodState =
  | "embryo"
  | "preparing"
  | "prepared"
  | "running"
  | "checkpointed"
  | "exited"
  | "exited-garbage"
  | "garbage";

/** How one app of a pod is doing. */
export interface AppStatus {
  readonly name: string;
  readonly image: string;
  readonly imageDigest: string;
  readonly state: "created" | "running" | "exited";
  /** 0–255, 128 + n for a signal; present once exited. */
  readonly exitCode?: number;
  readonly oomKilled?: boolean;
  readonly pid?: number;
}

/** One network attachment of a pod. */
export interface AttachmentStatus {
  readonly network: string;
  readonly interface: string;
  /** Addresses with prefix length. */
  readonly addresses: readonly string[];
}

/** The JSON shape of `status --json` and of each element of `list --json`. */
export interface PodStatus {
  readonly uuid: string;
  readonly name?: string;
  readonly state: PodState;
  readonly stage1: string;
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly exitedAt?: string;
  /** Process that supervises the pod on the host. */
  readonly pid?: number;
  /** Its processes are halted: `gantry resume` lets them go on. */
  readonly paused?: true;
  /** What the pod's own TPM must hold if it was started as it should: `sha256:9` → hexadecimal. */
  readonly expectedPcrs?: Readonly<Record<string, string>>;
  /** Exit code of the pod as `run` returned it. */
  readonly exitCode?: number;
  readonly hostname: string;
  /** Whom users and groups of the pod are on the host, where they are not the same. */
  readonly userns?: UserNamespace;
  readonly labels: Readonly<Record<string, string>>;
  readonly apps: readonly AppStatus[];
  readonly networks: readonly AttachmentStatus[];
  readonly ports: readonly {
    readonly hostIp: string;
    readonly hostPort: number;
    readonly podPort: number;
    readonly protocol: string;
  }[];
  /** Checks that were switched off for this pod, e.g. ["image"]. */
  readonly insecureOptions: readonly string[];
}

/** A fetched image: JSON shape of `fetch --json`. */
export interface FetchedImage {
  readonly name: string;
  readonly digest: string;
  /** Fingerprints, in lower case as everywhere, of the keys that vouched, or the rule that let it pass. */
  readonly verifiedBy: readonly string[];
  readonly sizeBytes: number;
  readonly cached: boolean;
  /** Of an App Container Image: its ID, `sha512-HEX`, by which pod manifests name it. */
  readonly imageId?: string;
}

/** A row of `image list --json`. */
export interface ImageSummary {
  readonly digest: string;
  readonly names: readonly string[];
  readonly platform: string;
  readonly sizeBytes: number;
  readonly importedAt: string;
  readonly verifiedBy: readonly string[];
  /** Whether it stays until it is unpinned. */
  readonly pinned: boolean;
}

/** A piece of an app's output. */
export interface LogChunk {
  readonly app: string;
  readonly stream: "stdout" | "stderr";
  readonly bytes: Uint8Array;
}

/** Input of `exec`. */
export interface ExecInput {
  readonly pod: string;
  readonly app?: string;
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly user?: string;
  readonly workingDir?: string;
  readonly tty: boolean;
  readonly interactive: boolean;
}

/** One check of `doctor`. */
export interface DoctorCheck {
  readonly name: string;
  readonly state: "ok" | "warn" | "fail";
  readonly detail: string;
  /** What to do about it; present unless ok. */
  readonly fix?: string;
}

/** Input of `run`, `prepare` and `run-prepared`. */
export interface RunInput extends PodOption {
  readonly detach: boolean;
  /** Attach the caller's terminal to the only app. */
  readonly interactive: boolean;
  readonly tty?: boolean;
  /** File that receives the UUID before anything starts. */
  readonly uuidFile?: string;
  readonly insecureOptions: ReadonlySet<InsecureOption>;
}

/** Checks that can be switched off by name, never as separate booleans. */
export type InsecureOption = "image" | "tls" | "http" | "pubkey";
