import type { PodApp } from "../../pod/manifest.ts";
import type { AppName } from "../../pod/names.ts";
import type { LaunchInput } from "../../pod/stage1-contract.ts";
import type { Files } from "../../sys/host.ts";
import { AT_FDCWD, O_APPEND, O_CREAT, O_RDWR, O_WRONLY } from "../../sys/linux/constants.ts";
import { close, mkfifoat, openat2 } from "../../sys/linux/fs-calls.ts";
import { spawnDetached } from "../../sys/linux/spawn-detached.ts";
import { listenUnix, socketPair } from "../../sys/linux/unix-sockets.ts";
import type { GuestPort } from "./qemu-argv.ts";

/** Programs that may run in a pod through \`exec\` at the same time. */
export const SESSIONS = 8;

/** Files of the channel, in the pod directory that only root enters. */
export const VM_DIR = "vm";
export const STATUS_FILE = `${VM_DIR}/status`;
export const CONTROL_FIFO = `${VM_DIR}/ctl`;
/** Input of an app in the background, for those that attach; the second one if it is a terminal. */
export const INPUT_FIFO = `${VM_DIR}/stdin`;
export const TERMINAL_FIFO = `${VM_DIR}/terminal`;

/** Socket of a session's port. */
export function sessionSocket(number: number): string {
  return `exec.${number}`;
}

const HELPER_ENV = { PATH: "/usr/bin:/bin" };

/** Opens the host's side of every port. Descriptors belong to the caller. */
export function openPorts(
  input: LaunchInput,
  apps: readonly { readonly app: PodApp; readonly stdin: string }[],
): GuestPort[] {
  const { pod } = input;
  pod.ensureDir(VM_DIR, 0o700);
  const ports: GuestPort[] = [
    { name: "ctl", backend: { kind: "fifo", fd: makeFifo(pod, CONTROL_FIFO) } },
    { name: "status", backend: { kind: "append", fd: openLog(pod, STATUS_FILE) } },
  ];
  for (let number = 0; number < SESSIONS; number += 1) {
    const fd = listenUnix(pod.path(VM_DIR), sessionSocket(number));
    ports.push({ name: `exec.${number}`, backend: { kind: "listen", fd } });
  }
  for (const { app, stdin } of apps) {
    if (stdin === "tty") continue;
    for (const [stream, callerFd] of [
      ["stdout", 1],
      ["stderr", 2],
    ] as const) {
      const log = openLog(pod, `logs/${app.name}/${stream}`);
      const backend: GuestPort["backend"] =
        input.mode === "exec"
          ? { kind: "connected", fd: teeTo(pod.path(`logs/${app.name}/${stream}`), callerFd) }
          : { kind: "append", fd: log };
      if (input.mode === "exec") close(log);
      ports.push({ name: `${stream}.${app.name}`, backend });
    }
    if (stdin !== "fifo") continue;
    const backend: GuestPort["backend"] =
      input.mode === "exec" ? { kind: "stdin" } : { kind: "fifo", fd: makeFifo(pod, INPUT_FIFO) };
    ports.push({ name: `stdin.${app.name}`, backend });
  }
  return ports;
}

/**
 * What an app's terminal is on the host: a FIFO for all that is typed, and the log, which takes all that is shown and is
 * followed by those that attach. Descriptors belong to the caller.
 */
export function openTerminal(pod: Files, app: AppName): { readonly inputFd: number; readonly outputFd: number } {
  pod.writePlain(`logs/${app}/stderr`, "", 0o600);
  return { inputFd: makeFifo(pod, TERMINAL_FIFO), outputFd: openLog(pod, `logs/${app}/stdout`) };
}

/** Opened both ways, so that it has no end and nobody waits for the other side. */
function makeFifo(pod: Files, rel: string): number {
  mkfifoat(AT_FDCWD, pod.path(rel), 0o600);
  return openat2(AT_FDCWD, pod.path(rel), { flags: O_RDWR });
}

function openLog(pod: Files, rel: string): number {
  pod.writePlain(rel, "", 0o600);
  return openat2(AT_FDCWD, pod.path(rel), { flags: O_WRONLY | O_APPEND | O_CREAT, modeOctal: 0o600 });
}

// Through a socket, which the emulator never waits for: a reader that pauses stops the app, not the whole machine.
function teeTo(log: string, callerFd: number): number {
  const [ours, theirs] = socketPair();
  const argv = ["tee", "--append", "--ignore-interrupts", "--output-error=warn-nopipe", log] as const;
  spawnDetached({ argv: [...argv], env: HELPER_ENV, stdio: [theirs, callerFd, "ignore"] });
  close(theirs);
  return ours;
}
