import type { InsecureOption } from "./use-cases.ts";

/** Receives how far downloads and unpacking are. Every `begin` is followed by one `end` with the same id, also on failure. */
export interface ProgressSink {
  /** `totalBytes` is left out when the peer does not say. */
  begin(id: string, label: string, totalBytes?: number): void;
  /** `bytes` is the amount since the last call for this id. */
  advance(id: string, bytes: number): void;
  end(id: string): void;
}

/** Where an engine keeps its state and what every call of it has in common. */
export interface EngineOptions {
  /** Images, pods, networks: `/var/lib/gantry` unless asked otherwise. */
  readonly rootDir: string;
  /** Run-time files that need not survive a reboot. */
  readonly runDir: string;
  /** Configuration directories, weakest first: vendor, admin, `--config`. */
  readonly configDirs: readonly string[];
  readonly insecureOptions: ReadonlySet<InsecureOption>;
  /** PEM files trusted besides the host's own authorities. */
  readonly caFiles: readonly string[];
  /** Registry credentials; undefined: the usual places. */
  readonly authFile?: string;
  /** How long a server may send nothing; undefined: 30 s. */
  readonly httpTimeoutMs?: number;
  readonly debug: boolean;
  /** Undefined: nobody watches. */
  readonly progress: ProgressSink | undefined;
  /** One line for the person at the terminal; goes to stderr, never part of the result. */
  readonly note: (text: string) => void;
}
