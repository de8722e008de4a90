import type { Files, Lock } from "../sys/host.ts";
import { fstat } from "../sys/linux/fs-calls.ts";

const FIRST_WAIT_MS = 5;
const MAX_WAIT_MS = 200;

/**
 * Waits for a lock without blocking the process: two tasks of one process may want the same one. Waits as long as it
 * takes; cancel through `signal`.
 */
export async function acquireLock(
  files: Files,
  want: { readonly path: string; readonly kind: "shared" | "exclusive" },
  options: { readonly signal?: AbortSignal } = {},
): Promise<Lock> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, MAX_WAIT_MS)) {
    options.signal?.throwIfAborted();
    const lock = tryAcquireLock(files, want);
    if (lock !== undefined) return lock;
    await new Promise((wake) => setTimeout(wake, waitMs));
  }
}

/** Like `acquireLock`, but undefined when somebody else has it. */
export function tryAcquireLock(
  files: Files,
  want: { readonly path: string; readonly kind: "shared" | "exclusive" },
): Lock | undefined {
  const lock = files.lock(want.path, { kind: want.kind, wait: false });
  if (lock === undefined || isCurrent(files, want.path, lock)) return lock;
  lock[Symbol.dispose]();
  return undefined;
}

/** Garbage collection removes lock files: a lock on a file that has gone keeps nobody out. */
function isCurrent(files: Files, path: string, lock: Lock): boolean {
  return files.stat(path)?.inode === Number(fstat(lock.fd).ino);
}
