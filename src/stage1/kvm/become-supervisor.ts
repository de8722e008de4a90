import type { LaunchInput } from "../../pod/stage1-contract.ts";
import { AT_FDCWD, O_RDONLY } from "../../sys/linux/constants.ts";
import { close, fstatat, openat2 } from "../../sys/linux/fs-calls.ts";
import type { PodCgroup } from "../../sys/linux/pod-cgroup.ts";
import { execve } from "../../sys/linux/process-calls.ts";
import { spawnDetached } from "../../sys/linux/spawn-detached.ts";
import { becomeSupervisor as becomeProgram } from "../pod-supervisor.ts";
import { writeSupervisor } from "../supervisor.ts";
import type { AcceleratorChoice } from "./choose-accelerator.ts";
import { CONTROL_FIFO, STATUS_FILE } from "./ports.ts";
import { SUPERVISOR_SCRIPT } from "./supervisor-script.ts";

/** Directories of the host's programs. */
export const HOST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** Descriptors a POSIX shell may use in scripts. */
export const SHELL_FDS = 10;
/** Each pod's emulator has a number of its own from here on, so that none can touch another's. */
const FIRST_UID = 0x7000_0000;

/** Command line of the supervisor: the emulator in the pod's network namespace, as a user of its own without any rights. */
export function supervisorArgv(
  { pod, manifest, netns }: LaunchInput,
  { accelerator }: AcceleratorChoice,
  qemu: readonly string[],
): [string, ...string[]] {
  const kvmGroup = accelerator === "kvm" ? fstatat(AT_FDCWD, "/dev/kvm", 0).gid : undefined;
  return [
    "/bin/sh",
    ...[
      "-c",
      SUPERVISOR_SCRIPT,
      "gantry-vm",
      pod.path(CONTROL_FIFO),
      pod.path(STATUS_FILE),
      String(manifest.apps.length),
    ],
    ...(netns === "host" ? [] : ["nsenter", `--net=${netns.path}`, "--"]),
    ...unprivileged(emulatorUid(manifest.uuid), kvmGroup),
    ...["--pdeathsig", "KILL"],
    ...qemu,
  ];
}

/** The user of a pod's emulator and of what belongs to it. */
export function emulatorUid(uuid: string): number {
  return FIRST_UID + Number.parseInt(uuid.replaceAll("-", "").slice(-6), 16);
}

/** Beginning of a command line that runs the rest as this user, without any rights. */
export function unprivileged(uid: number, group?: number): [string, ...string[]] {
  return [
    ...(["setpriv", "--reuid", String(uid), "--regid", String(uid)] as const),
    ...(group === undefined ? ["--clear-groups"] : ["--groups", String(group)]),
    ...["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"],
  ];
}

/** The caller's terminal is the app's. */
export function isOnTerminal({ mode, interactive, isTerminal }: LaunchInput): boolean {
  return mode === "exec" && interactive && isTerminal;
}

/** The app has a terminal: the caller's, or one in the background. */
export function hasTerminal(input: LaunchInput): boolean {
  return isOnTerminal(input) || input.background.tty;
}

/** This process becomes the supervisor itself; on a terminal it carries that instead. */
export function isReplaced(input: LaunchInput): boolean {
  return input.mode === "exec" && !isOnTerminal(input);
}

/** Carries the caller's terminal until the pod has ended or the caller left, then ends with the app's code. */
export async function becomeTerminal({ pod, manifest, signal }: LaunchInput): Promise<never> {
  const { carryTerminal } = await import("./attach.ts");
  const code = await carryTerminal(pod, manifest, signal);
  return execve("/bin/sh", ["sh", "-c", `exit ${code}`], {});
}

/** Becomes the supervisor (or starts it, with `mode: "spawn"`), inside the pod's cgroup. */
export function becomeSupervisor(
  input: LaunchInput,
  start: {
    readonly argv: [string, ...string[]];
    readonly held: readonly number[];
    readonly logFd: number;
    readonly cgroup: PodCgroup;
    /** What the emulator gets as standard input and output. */
    readonly terminal?: { readonly inputFd: number; readonly outputFd: number };
  },
): { readonly pid: number } {
  const { pod } = input;
  const { argv, held, logFd, terminal } = start;
  const env = { PATH: HOST_PATH, ...input.notifyEnv };
  if (!isReplaced(input)) {
    const pid = spawnDetached({
      argv,
      env,
      cwd: pod.root,
      stdio: [
        terminal?.inputFd ?? "ignore",
        terminal?.outputFd ?? logFd,
        logFd,
        ...Array.from({ length: SHELL_FDS - 3 }, () => "ignore" as const),
        ...held,
      ],
    });
    writeSupervisor(pod, pid);
    for (const fd of [...held.filter((fd) => fd !== input.lockFd), logFd, ...Object.values(terminal ?? {})]) close(fd);
    return { pid };
  }
  const stdin = input.interactive ? undefined : openat2(AT_FDCWD, "/dev/null", { flags: O_RDONLY });
  return becomeProgram(pod, { argv, env, cgroup: start.cgroup, stdio: [stdin, logFd, logFd], held });
}
