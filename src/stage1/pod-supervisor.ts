import type { Files } from "../sys/host.ts";
import { close, dup2, dupAbove, setCloseOnExec } from "../sys/linux/fs-calls.ts";
import { rememberCgroups } from "../sys/linux/join-cgroups.ts";
import { hasErrno, tryKernel } from "../sys/linux/libc.ts";
import type { PodCgroup } from "../sys/linux/pod-cgroup.ts";
import { execve } from "../sys/linux/process-calls.ts";
import { type DetachedProgram, spawnDetached } from "../sys/linux/spawn-detached.ts";
import { forgetSupervisor, writeSupervisor } from "./supervisor.ts";

/** The program this process becomes. */
export interface SupervisorProgram {
  readonly argv: readonly [string, ...string[]];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cgroup: PodCgroup | undefined;
  /** What it gets at the numbers 0, 1, 2 …, ten at most; undefined leaves what is there. */
  readonly stdio: readonly (number | undefined)[];
  /** Descriptors it keeps, at the numbers they have. */
  readonly held: readonly number[];
  /** Called last: what cannot be taken back. */
  readonly confine?: () => void;
}

/** Above all descriptors that have a place of their own. */
const SPARE_FDS = 10;
/** Those below are the standard streams, which every program inherits. */
const FIRST_OTHER_FD = 3;

/**
 * Becomes the supervisor of a pod, inside its cgroup. When that fails, this process is outside again, with its own output
 * and no supervisor's: it has to say why, and whoever cleans up kills the supervisor and everybody in the cgroup.
 * @throws {SysError} when the program cannot be executed
 */
export function becomeSupervisor(pod: Files, program: SupervisorProgram): never {
  const { argv, env, cgroup, stdio, held, confine } = program;
  const own = stdio.map((fd, place) => (fd === undefined ? undefined : keepCopy(place)));
  const before = rememberCgroups();
  try {
    cgroup?.join();
    writeSupervisor(pod, process.pid);
    for (const fd of held) setCloseOnExec(fd, false);
    for (const [place, fd] of stdio.entries()) if (fd !== undefined) dup2(fd, place);
    confine?.();
    return execve(argv[0], argv, env);
  } catch (reason) {
    for (const copy of own) copy?.restore();
    forgetSupervisor(pod);
    before.leave();
    throw reason;
  }
}

/** What is at that number now, and its way back there: whether it is closed on exec comes with it. */
function keepCopy(place: number): { restore(): void } {
  try {
    const isKept = place < FIRST_OTHER_FD;
    const copy = dupAbove(place, SPARE_FDS);
    return {
      restore: () => {
        dup2(copy, place);
        setCloseOnExec(place, !isKept);
        close(copy);
      },
    };
  } catch (reason) {
    if (!hasErrno(reason, "EBADF")) throw reason;
    return { restore: () => tryKernel("close", [place]) }; // nothing was there, and perhaps nothing came
  }
}

/** Starts a supervisor in the background, inside the pod's cgroup. This process is outside again afterwards, also when that fails. */
export function startSupervisor(
  pod: Files,
  program: DetachedProgram,
  { cgroup, confine }: Pick<SupervisorProgram, "cgroup" | "confine">,
): number {
  const visit = cgroup?.visit();
  try {
    confine?.();
    const pid = spawnDetached(program);
    writeSupervisor(pod, pid);
    return pid;
  } finally {
    visit?.leave();
  }
}
