import type { Clock } from "../base/clock.ts";
import type { TarInput } from "../image/layer/encode-tar.ts";
import type { Files, Programs } from "../sys/host.ts";
import type { CheckpointRecord } from "./checkpoint-record.ts";
import type { AppLimits } from "./limits.ts";
import type { PodApp, PodManifest } from "./manifest.ts";
import type { AppName, PodId } from "./names.ts";
import type { RunOption } from "./run-options.ts";

/** How an app ended, as the regime recorded it in `status/<app>`. */
export interface AppExit {
  /** 0–255; 128 + signal number when a signal ended it. */
  readonly exitCode: number;
  readonly oomKilled: boolean;
  readonly exitedAtMs: number;
}

/** Everything a regime gets to start a pod: the directory, the decided manifest, and where layers lie. */
export interface LaunchInput {
  readonly manifest: PodManifest;
  /** The pod directory; its path does not change while the pod runs. */
  readonly pod: Files;
  /** Absolute directory of one unpacked layer, ready as overlay lower directory. */
  layerPath(name: string): string;
  /** What a host path given for a volume is; undefined when missing. */
  hostPathKind(path: string): "dir" | "file" | undefined;
  /** Network namespace file, or "host". */
  readonly netns: { readonly path: string } | "host";
  /** Files of the pod's own user namespace, and of namespaces that belong to it; undefined: the host's. */
  readonly userns?: { readonly user: string; readonly ipc: string; readonly uts: string };
  /** Files of user namespaces with the ids of single volumes, by `volumeIdmapKey`. */
  readonly volumeIdmaps?: ReadonlyMap<string, string>;
  /** Text of files to show in every app, undefined: leave the image's own. */
  readonly etcFiles: { readonly resolvConf: string | undefined; readonly hosts: string; readonly hostname: string };
  /** Held pod lock; must stay open in the supervisor for the pod's life. */
  readonly lockFd: number;
  /** For choosing and running the programs a regime stands on. */
  readonly host: Stage1Host;
  /** `exec` replaces this process; `spawn` starts the supervisor in a session of its own. */
  readonly mode: "exec" | "spawn";
  /** Give the caller's terminal or standard input to the only app. */
  /** Aborted when the caller of a foreground start was asked to end; what runs by then is to be stopped in order. */
  readonly signal?: AbortSignal;
  readonly interactive: boolean;
  /** What an app in the background keeps for those that attach: an open input, a terminal. */
  readonly background: { readonly stdin: boolean; readonly tty: boolean };
  /** The caller's standard input and output are a terminal. */
  readonly isTerminal: boolean;
  /** systemd is PID 1 of the host. */
  readonly isSystemdHost: boolean;
  /** This process is the main process of a unit of the host's systemd. */
  readonly isOwnUnit: boolean;
  /** NOTIFY_SOCKET and LISTEN_FDS as given to this process, to hand on. */
  readonly notifyEnv: Readonly<Record<string, string>>;
  /** One line for the person at the terminal, such as a value that had to be changed. */
  note(text: string): void;
  /**
   * What the engine has to do besides, in the host's mount namespace. Before it returns it has recorded the start: no app may
   * run earlier. Once, and only for regimes that say `callsMeanwhile`. Whoever waits for the result is told of failures;
   * nobody has to at once.
   */
  meanwhile(): Promise<unknown>;
  /** What `meanwhile` began need not be finished now: it ends soon, and others go on with it. */
  leaveRest(): void;
  /** Makes a directory of the host when it is missing. */
  ensureHostDir(path: string): void;
}

/** What a regime may look at and use outside of a pod: for probing the host and building its image. */
export interface Stage1Host {
  /** The host's root directory. */
  readonly host: Files;
  /** A directory of this regime's own that stays, for what probes found out. */
  readonly cache: Files;
  readonly programs: Programs;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What a regime says of itself, on any host: shown by `stage1 list`. */
export interface Stage1About {
  /** One line: what an app lives in. */
  readonly summary: string;
  /** What separates apps from the host, in a word each: `mounts`, `processes`, `kernel` … */
  readonly isolates: readonly string[];
  /** What a pod costs beside its apps, in a few words. */
  readonly cost: string;
}

/** Whether this host can run a regime. */
export interface Stage1Probe {
  readonly state: "ready" | "limited" | "unavailable";
  /** Versions of the programs it stands on, and what was chosen. */
  readonly detail: string;
  /** What to do about it; present unless ready. */
  readonly fix?: string;
}

/** How far `probe` may go. */
export interface ProbeOptions {
  readonly signal?: AbortSignal;
  readonly onlyLook?: boolean;
}

/** How an image is built. */
export interface Stage1BuildOptions {
  readonly signal?: AbortSignal;
  /** What the user chose, by name; undefined: built by itself, and as it was chosen before. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** The image a regime starts pods from, made of this host's programs; the engine signs, stores and verifies it. */
export interface Stage1ImageBuilder {
  /** Where the parts come from, for the message of the first build. */
  readonly from: string;
  readonly entrypoint: readonly string[];
  /** The tree, sorted. The same host programs have to give the same members. */
  build(host: Stage1Host, options?: Stage1BuildOptions): Promise<readonly TarInput[]>;
}

/** A program to run inside a running app, confined like it. */
export interface EnterInput {
  readonly manifest: PodManifest;
  readonly app: PodApp;
  readonly argv: readonly string[];
  /** `NAME=value`, over the app's own environment. */
  readonly env: readonly string[];
  /** `user[:group]`; undefined: the app's own. */
  readonly user?: string;
  readonly workingDir: string;
  readonly tty: boolean;
  readonly interactive: boolean;
}

/** A running app whose output, and input if it was left open, the caller's terminal is joined to. */
export interface AttachInput {
  readonly manifest: PodManifest;
  readonly app: PodApp;
  readonly stdin: boolean;
  readonly signal?: AbortSignal;
}

/** How a running pod is to be halted. */
export interface CheckpointInput extends Pick<CheckpointRecord, "tcpEstablished" | "fileLocks"> {
  readonly manifest: PodManifest;
  readonly host: Stage1Host;
  /** Let the apps go on afterwards, if the regime can; else they are to be restored. */
  readonly leaveRunning: boolean;
  /**
   * Called once, when the state of these apps is written and no process of the pod runs. What it throws is a failure, after
   * which they go on; unless they have ended already, since their regime cannot write without.
   */
  whenWritten(written: { readonly apps: readonly AppName[]; readonly hasEnded: boolean }): Promise<void>;
}

/** What a regime has to know of a halted pod besides its manifest and its files. */
export interface CheckpointedRegime {
  /** Name of the program that wrote the state. */
  readonly runtime: string;
  /** How the apps were given input and a terminal. */
  readonly stdin: boolean;
  readonly tty: boolean;
}

/** Where an app's output lies in the pod directory: a raw file per stream, or one file in the CRI's log format. */
export type AppLog =
  | { readonly kind: "streams"; readonly stdout: string; readonly stderr: string }
  | { readonly kind: "cri"; readonly path: string };

/** What a pod or app uses at a moment; what the host does not count is left out. */
export interface ResourceUse {
  readonly memoryBytes?: number;
  readonly memoryPeakBytes?: number;
  readonly cpuNanos?: number;
  readonly pids?: number;
  readonly limits?: AppLimits;
}

/** What `stats` shows of a pod; a regime that cannot tell its apps apart lists none. */
export interface PodUse {
  readonly pod: ResourceUse;
  readonly apps: Readonly<Record<string, ResourceUse>>;
}

/** A second process of this program that a regime started for itself: `gantry __stage1 REGIME ARGUMENT…`. */
export interface HelperInput {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
}

/**
 * What a regime has to offer; built-in regimes implement it in process. What must hold after each call, after a crash and
 * after a reboot: docs/stage1-contract.md. Members that may be absent are refused by the engine with
 * "stage1/unsupported".
 */
export interface Stage1 {
  readonly regime: string;
  readonly about: Stage1About;
  /** Options of a pod and its apps that it fulfils beyond those that every regime has; absent: none. */
  readonly options?: readonly RunOption[];
  /** Undefined: pods of this regime need no image but their apps'. */
  readonly image?: Stage1ImageBuilder;
  /** Networks of a pod for which none were asked; absent: the default network. */
  readonly defaultNets?: PodManifest["nets"];
  /** `launch` has to wait for programs, and calls `meanwhile` then. */
  readonly callsMeanwhile?: true;
  /**
   * Finds out whether and how this host can run it. May start programs with a time limit and keep what it learns in
   * `cache`; with `onlyLook` nothing is made and nothing but a version asked for.
   */
  probe(host: Stage1Host, options?: ProbeOptions): Promise<Stage1Probe>;
  /**
   * Mounts, checks and starts. With `mode: "exec"` it never returns; with "spawn" it returns the supervisor's pid.
   * Everything it makes on the host is found again from the pod's UUID by `cleanup`, whatever interrupts it.
   */
  launch(input: LaunchInput): Promise<{ readonly pid: number }>;
  /** Runs a program inside an app: returns its exit code (128 + n for a signal), or becomes something that does. */
  enter(pod: Files, input: EnterInput): Promise<number>;
  /**
   * Joins the caller's terminal to a running app. Absent, or undefined for this app: the engine follows the logs
   * instead.
   */
  attach?(pod: Files, input: AttachInput): Promise<number | undefined>;
  /** Work of the regime in a process of its own. */
  helper?(input: HelperInput): Promise<number>;
  /** Host pid of an app's main process, undefined before start and after exit, and where the host does not see it. */
  appPid(pod: Files, input: { readonly id: PodId; readonly app: AppName }): number | undefined;
  /** Whether an app's main process is running. */
  isAppRunning(pod: Files, input: { readonly id: PodId; readonly app: AppName }): boolean;
  /** Host pid of the process that supervises the pod, undefined when it has ended. */
  supervisorPid(pod: Files): number | undefined;
  /** Recorded end of an app, undefined while it has none. */
  appExit(pod: Files, app: AppName): AppExit | undefined;
  /** Exit code of the pod, decided by the first app that failed; undefined when none did. */
  podExit(pod: Files): number | undefined;
  /** Where the app's output is, also after the pod has ended. */
  log(pod: Files, app: AppName): AppLog;
  /** Asks the pod to stop in order; apps get their stop signal. Returns at once. */
  stop(pod: Files, manifest: PodManifest): Promise<void>;
  /** Kills everything of the pod at once. */
  kill(pod: Files, id: PodId): Promise<void>;
  /** Halts every process of the pod where it is, and lets them go on. Idempotent. */
  pause?(pod: Files, id: PodId): Promise<void>;
  resume?(pod: Files, id: PodId): Promise<void>;
  isPaused?(pod: Files, id: PodId): boolean;
  /** What a measured boot leaves in the pod's own TPM: `BANK:NUMBER` → hexadecimal; only what can be known beforehand. */
  expectedPcrs?(pod: Files): Readonly<Record<string, string>> | undefined;
  stats?(pod: Files, manifest: PodManifest): Promise<PodUse>;
  /** Changes limits of a running app. Returns the names of limits this host or regime cannot set. */
  update?(
    pod: Files,
    input: { readonly manifest: PodManifest; readonly app: PodApp; readonly limits: AppLimits },
  ): Promise<readonly string[]>;
  /** It cannot write the state of apps without ending them: who is to go on has to be restored. */
  readonly checkpointEnds?: true;
  /** What keeps a running pod from being checkpointed here; undefined: nothing. Absent: this regime never can. */
  probeCheckpoint?(host: Stage1Host, options?: ProbeOptions): Promise<Stage1Probe>;
  /**
   * Halts every app, writes their state to `checkpoint/<app>/` in the pod directory, and ends them without recording an
   * exit. When that fails they go on, and nothing of it is left. Returns whether they still run.
   * @throws {Stage1Error} "stage1/unsupported-host", "stage1/unsupported", "stage1/checkpoint-failed"
   */
  checkpoint?(pod: Files, input: CheckpointInput): Promise<{ readonly isRunning: boolean }>;
  /**
   * As `launch` with mode "spawn", going on from what `checkpoint` wrote. When that fails nothing runs, and it can be tried
   * again. @throws {Stage1Error} "stage1/unsupported-host", "stage1/checkpoint-failed"
   */
  restore?(input: LaunchInput, record: CheckpointRecord): Promise<{ readonly pid: number }>;
  /** What a halted or halting pod is exported with, and the same for a new pod that is made of it. */
  describeCheckpoint?(pod: Files): CheckpointedRegime;
  adoptCheckpoint?(pod: Files, regime: CheckpointedRegime): void;
  /** Removes what is left on the host of a pod that has ended. Idempotent, also for a pod that never started. */
  cleanup(pod: Files, id: PodId): Promise<void>;
}
