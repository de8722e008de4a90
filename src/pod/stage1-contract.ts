import type { Files } from "../sys/host.ts";
import type { PodManifest } from "./manifest.ts";
import type { AppName, PodId } from "./names.ts";

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
  /** Text of files to show in every app, undefined: leave the image's own. */
  readonly etcFiles: { readonly resolvConf: string | undefined; readonly hosts: string; readonly hostname: string };
  /** Held pod lock; must stay open in the supervisor for the pod's life. */
  readonly lockFd: number;
  /** `exec` replaces this process; `spawn` starts the supervisor in a session of its own. */
  readonly mode: "exec" | "spawn";
  /** Give the caller's terminal or standard input to the only app. */
  readonly interactive: boolean;
  /** The caller's standard input and output are a terminal. */
  readonly isTerminal: boolean;
  /** systemd is PID 1 of the host. */
  readonly isSystemdHost: boolean;
  /** This process is the main process of a unit of the host's systemd. */
  readonly isOwnUnit: boolean;
  /** NOTIFY_SOCKET and LISTEN_FDS as given to this process, to hand on. */
  readonly notifyEnv: Readonly<Record<string, string>>;
  /** Makes a directory of the host when it is missing. */
  ensureHostDir(path: string): void;
}

/** What a regime has to offer; built-in regimes implement it in process. Spec: docs/stage1-contract.md. */
export interface Stage1 {
  readonly regime: string;
  /**
   * Mounts, checks and starts. With `mode: "exec"` it never returns; with "spawn" it returns the supervisor's pid.
   * Everything it makes on the host is found again from the pod's UUID by `cleanup`, whatever interrupts it.
   */
  launch(input: LaunchInput): Promise<{ readonly pid: number }>;
  /** Host pid of an app's main process, undefined before start and after exit. */
  appPid(pod: Files, input: { readonly id: PodId; readonly app: AppName }): number | undefined;
  /** Host pid of the process that supervises the pod, undefined when it has ended. */
  supervisorPid(pod: Files): number | undefined;
  /** Recorded end of an app, undefined while it has none. */
  appExit(pod: Files, app: AppName): AppExit | undefined;
  /** Exit code of the pod, decided by the first app that failed; undefined when none did. */
  podExit(pod: Files): number | undefined;
  /** Asks the pod to stop in order; apps get their stop signal. */
  stop(pod: Files): void;
  /** Kills everything of the pod at once. */
  kill(pod: Files, id: PodId): Promise<void>;
  /** Removes what is left on the host of a pod that has ended. Idempotent. */
  cleanup(id: PodId): Promise<void>;
}
