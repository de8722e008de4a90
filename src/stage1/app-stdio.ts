import type { AppName } from "../pod/names.ts";
import type { Files } from "../sys/host.ts";
import { AT_FDCWD, O_CLOEXEC, O_NONBLOCK, O_RDONLY, O_WRONLY } from "../sys/linux/constants.ts";
import { close, dup, mkfifoat, openat2, pipe2 } from "../sys/linux/fs-calls.ts";
import { spawnDetached } from "../sys/linux/spawn-detached.ts";
import { isatty } from "../sys/linux/terminal-calls.ts";

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
    if (plan.fromCaller) connectInput(pod, app);
  }
  return held;
}

const HELPER_ENV = { PATH: "/usr/bin:/bin" };

/** A stream of an app and where it is copied to. */
export interface OutputPlan {
  readonly app: AppName;
  readonly stream: "stdout" | "stderr";
  readonly callerFd: number | undefined;
}

/** One stream of an app to its log, and to the caller where a descriptor is given. Returns the writing end. */
function connectOutput(pod: Files, plan: OutputPlan): number {
  const { writeFd, copy } = openOutput(pod, plan);
  copy();
  return writeFd;
}

/** A stream of an app: what is written waits until `copy`, to be called once, starts the program that takes it. */
export interface Output {
  readonly writeFd: number;
  copy(): void;
}

/** As one stream of `connectStdio`, but nothing is started yet. */
export function openOutput(pod: Files, plan: OutputPlan): Output {
  const { readFd, writeFd } = openFifo(pod, `shared/io/${plan.app}.${plan.stream}`);
  pod.writePlain(`logs/${plan.app}/${plan.stream}`, "", 0o600);
  return { writeFd, copy: () => startCopying(pod, plan, readFd) };
}

function startCopying(pod: Files, { app, stream, callerFd }: OutputPlan, readFd: number): void {
  const log = pod.path(`logs/${app}/${stream}`);
  // A reader that goes away (`gantry run … | head`) must not end the app: tee then goes on with the log alone.
  const argv = ["tee", "--append", "--ignore-interrupts", "--output-error=warn-nopipe", log] as const;
  const logFd = callerFd ?? openat2(AT_FDCWD, "/dev/null", { flags: O_WRONLY | O_CLOEXEC, resolve: 0 });
  try {
    spawnDetached({ argv: [...argv], env: HELPER_ENV, stdio: [readFd, logFd, "ignore"] });
  } finally {
    close(readFd);
    if (callerFd === undefined) close(logFd);
  }
}

// The copying program opens the FIFO itself, which waits for the app to open its end: neither misses the other, and its
// end is the app's end of file. Afterwards it keeps opening the FIFO for a moment: systemd gives the same stdin to what it
// runs when the app has ended, and would wait for a writer for ever. It dies with the supervisor.
function connectInput(pod: Files, app: AppName): void {
  const rel = `shared/io/${app}.stdin`;
  makeFifo(pod, rel);
  const script = 'setpriv --pdeathsig KILL cat > "$1"; while :; do sleep 0.1; : > "$1"; done';
  const copy = ["sh", "-c", script, "sh", pod.path(rel)];
  spawnDetached({
    argv: ["setpriv", "--pdeathsig", "KILL", ...copy],
    env: HELPER_ENV,
    stdio: [0, "ignore", "ignore"],
  });
}

/**
 * The caller's standard input as a descriptor an app may have. A terminal is not handed over, but read by a small program
 * that dies with the supervisor: whoever has a terminal can put words into it.
 */
export function connectInputPipe(): number {
  if (!isatty(0)) return dup(0);
  const { readFd, writeFd } = pipe2(O_CLOEXEC);
  const argv = ["setpriv", "--pdeathsig", "KILL", "cat"] as const;
  spawnDetached({ argv: [...argv], env: HELPER_ENV, stdio: [0, writeFd, "ignore"] });
  close(writeFd);
  return readFd;
}

/** The FIFO `rel`, writable for apps with a user of their own, who open /dev/stdout anew; the directory above lets nobody in. */
function makeFifo(pod: Files, rel: string): void {
  pod.ensureDir("shared/io", 0o755);
  mkfifoat(AT_FDCWD, pod.path(rel), 0o666);
  pod.setOwner(rel, { uid: 0, gid: 0, modeOctal: 0o666 });
}

function openFifo(pod: Files, rel: string): { readonly readFd: number; readonly writeFd: number } {
  const path = pod.path(rel);
  makeFifo(pod, rel);
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
