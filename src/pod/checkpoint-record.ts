import type { Files } from "../sys/host.ts";
import type { AppName } from "./names.ts";

/** Its presence says that everything of the checkpoint beside it is written. */
export const CHECKPOINT_FILE = "checkpoint.json";

/** Directory in the pod's for what the regime wrote: `checkpoint/<app>/`. */
export const CHECKPOINT_DIR = "checkpoint";

/** Locked while a pod is halted and written, since its own lock may end meanwhile. */
export const CHECKPOINT_LOCK = "checkpoint.lock";

/** The files of a /dev/shm that apps share, as an archive. */
export const SHARED_MEMORY_FILE = `${CHECKPOINT_DIR}/.shm.tar`;

/** How a pod was halted, and what is needed to let it go on. */
export interface CheckpointRecord {
  readonly version: 1;
  /** RFC 3339. */
  readonly createdAt: string;
  /** Apps that ran then; others had ended. */
  readonly apps: readonly AppName[];
  /** Connections were kept, and are to be taken up again. */
  readonly tcpEstablished: boolean;
  readonly fileLocks: boolean;
}

/** Whether the pod lies halted in its directory. */
export function isCheckpointed(pod: Files): boolean {
  return pod.has(CHECKPOINT_FILE);
}

/** What `writeCheckpoint` kept. @throws {SysError} "sys/not-found" for a pod without a checkpoint */
export function readCheckpoint(pod: Files): CheckpointRecord {
  return JSON.parse(pod.readText(CHECKPOINT_FILE)) as CheckpointRecord;
}

/** Makes the checkpoint count: written last, durably. */
export function writeCheckpoint(pod: Files, record: CheckpointRecord): void {
  pod.writeAtomic(CHECKPOINT_FILE, JSON.stringify(record), 0o600);
}
