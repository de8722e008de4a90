import type { AppName } from "../../pod/names.ts";
import type { Files } from "../../sys/host.ts";
import { AT_FDCWD, O_CLOEXEC, O_NONBLOCK, O_RDONLY, O_WRONLY } from "../../sys/linux/constants.ts";
import { close, mkfifoat, openat2 } from "../../sys/linux/fs-calls.ts";
import { spawnDetached } from "../../sys/linux/spawn-detached.ts";

/** What the caller gives to or takes from the apps directly. */
export interface StdioPlan {
  readonly apps: readonly AppName[];
  /** Also copy output to the caller's own stdout and stderr. */
  readonly toCaller: boolean;
  /** Feed the caller's stdin to the only app. */
  readonly fromCaller: boolean;
}

/**
 * Connects every app's output to its log through a FIFO and one small program of the host (tee or cat), so that writing
 * to /dev/stdout works in the app and nothing of Gantry stays. Returns descriptors the supervisor has to keep open: the
 * copying programs end when the last writer is gone, which is when the pod is.
 */
export function connectStdio(pod: Files, plan: StdioPlan): number[] {
  const held: number[] = [];
  for (const app of plan.apps) {
    pod.ensureDir(`logs/${app}`, 0o700);
    held.push(connectOutput(pod, { app, stream: "stdout", callerFd: plan.toCaller ? 1 : undefined }));
    held.push(connectOutput(pod, { app, stream: "stderr", callerFd: plan.toCaller ? 2 : undefined }));
    if (plan.fromCaller) held.push(connectInput(pod, app));
  }
  return held;
}

const HELPER_ENV = { PATH: "/usr/bin:/bin" };

interface OutputPlan {
  readonly app: AppName;
  readonly stream: "stdout" | "stderr";
  readonly callerFd: number | undefined;
}

function connectOutput(pod: Files, { app, stream, callerFd }: OutputPlan): number {
  const { readFd, writeFd } = openFifo(pod, `shared/io/${app}.${stream}`);
  const log = pod.path(`logs/${app}/${stream}`);
  pod.writePlain(`logs/${app}/${stream}`, "", 0o600);
  // A reader that goes away (`gantry run … | head`) must not end the app: tee then goes on with the log alone.
  const argv = ["tee", "--append", "--ignore-interrupts", "--output-error=warn-nopipe", log] as const;
  const logFd = callerFd ?? openat2(AT_FDCWD, "/dev/null", { flags: O_WRONLY | O_CLOEXEC, resolve: 0 });
  try {
    spawnDetached({ argv: [...argv], env: HELPER_ENV, stdio: [readFd, logFd, "ignore"] });
  } finally {
    close(readFd);
    if (callerFd === undefined) close(logFd);
  }
  return writeFd;
}

// The held end here is a reading one: what was copied stays in the FIFO until the app opens it.
function connectInput(pod: Files, app: AppName): number {
  const rel = `shared/io/${app}.stdin`;
  const { readFd, writeFd } = openFifo(pod, rel);
  try {
    spawnDetached({ argv: ["setpriv", "--pdeathsig", "KILL", "cat"], env: HELPER_ENV, stdio: [0, writeFd, "ignore"] });
  } finally {
    close(writeFd);
  }
  return readFd;
}

function openFifo(pod: Files, rel: string): { readonly readFd: number; readonly writeFd: number } {
  const path = pod.path(rel);
  pod.ensureDir("shared/io", 0o755);
  // 0666 because apps with a user of their own open /dev/stdout anew; the directory above lets nobody in.
  mkfifoat(AT_FDCWD, path, 0o666);
  pod.setOwner(rel, { uid: 0, gid: 0, modeOctal: 0o666 });
  const first = openat2(AT_FDCWD, path, { flags: O_RDONLY | O_NONBLOCK | O_CLOEXEC, resolve: 0 });
  try {
    const writeFd = openat2(AT_FDCWD, path, { flags: O_WRONLY | O_CLOEXEC, resolve: 0 });
    // Opened again because the first descriptor would never block its reader.
    const readFd = openat2(AT_FDCWD, path, { flags: O_RDONLY | O_CLOEXEC, resolve: 0 });
    return { readFd, writeFd };
  } finally {
    close(first);
  }
}
