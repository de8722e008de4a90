import type { PodUse } from "../pod/stage1-contract.ts";

/** JSON shape of a row of `stage1 list`. */
export interface Stage1Summary {
  readonly regime: string;
  /** Whether this host can run it. */
  readonly state: "ready" | "limited" | "unavailable";
  /** Programs it stands on, and what was chosen among them. */
  readonly host: string;
  readonly fix?: string;
  readonly summary: string;
  readonly isolates: readonly string[];
  readonly cost: string;
  /** false: pods of this regime need no image but their apps'. */
  readonly needsImage: boolean;
  /** Undefined: not built yet. */
  readonly digest?: string;
  readonly builtAt?: string;
  readonly sizeBytes?: number;
}

/** One row of `stats`. */
export interface PodStats extends PodUse {
  readonly uuid: string;
  readonly name?: string;
}

/** Input of `attach`. */
export interface AttachPodInput {
  readonly pod: string;
  readonly app?: string;
  readonly stdin: boolean;
  /** Receives the output where the regime has no way to join the terminal to the app. */
  onOutput(stream: "stdout" | "stderr", bytes: Uint8Array): void;
}

/** Input of `checkpoint`. */
export interface CheckpointPodInput {
  readonly pod: string;
  /** Keep connections, to take them up again when restored. */
  readonly tcpEstablished: boolean;
  /** Keep locks on files. */
  readonly fileLocks: boolean;
  /** File that gets all of it, for another host or another time. */
  readonly output?: string;
  /** The pod goes on afterwards; only of use with `output`. */
  readonly leaveRunning: boolean;
}

/** What `checkpoint` made. */
export interface CheckpointedPod {
  readonly uuid: string;
  /** SHA-256 of the archive, when it was exported. */
  readonly digest?: string;
}

/** Input of `restore`: a pod of this host. */
export interface RestorePodInput {
  readonly pod: string;
  /** Leave the written state and the logs of reading it in the pod directory. */
  readonly keep: boolean;
}

/** Input of `restore --import`: a new pod, made of an archive. */
export interface ImportPodInput {
  readonly file: string;
  /** Undefined: none. */
  readonly name?: string;
  readonly keep: boolean;
}
