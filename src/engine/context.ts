import type { EventSink } from "../audit/event-log.ts";
import type { Clock } from "../base/clock.ts";
import type { PodStore } from "../pod/pod-store.ts";
import type { ImageStore } from "../store/image-store.ts";
import type { Files, HttpClient, Programs } from "../sys/host.ts";
import type { EngineOptions } from "./engine-options.ts";

/** What every use case works with. Built once per command by `createEngine`; nothing here starts anything by itself. */
export interface EngineContext {
  readonly options: EngineOptions;
  readonly clock: Clock;
  readonly programs: Programs;
  /** `--root`: images, pods, audit, keys of this host. */
  readonly root: Files;
  /** Run-time files that do not survive a reboot. */
  readonly run: Files;
  /** Configuration directories, weakest first. */
  readonly config: readonly Files[];
  /** The host's root directory, for the few files of it that pods are given. */
  readonly host: Files;
  /** Writes a file the user named. */
  writeUserFile(path: string, content: string | Uint8Array): void;
  /** Makes a directory the user named. */
  ensureUserDir(path: string): void;
  /** `/proc` for reading. */
  readonly proc: Files;
  readonly images: ImageStore;
  readonly pods: PodStore;
  readonly events: EventSink;
  /** The caller's environment, for what is kept there by custom (HOME, REGISTRY_AUTH_FILE, NOTIFY_SOCKET …). */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Made at first use: it reads certificate files. */
  http(): HttpClient;
}
