import type { LaunchInput } from "../../pod/stage1-contract.ts";
import { AT_FDCWD, O_APPEND, O_CREAT, O_RDONLY, O_WRONLY } from "../../sys/linux/constants.ts";
import { dup2, openat2, setCloseOnExec } from "../../sys/linux/fs-calls.ts";
import { execve } from "../../sys/linux/process-calls.ts";
import { selfArgv } from "../../sys/linux/self.ts";
import { writeSupervisor } from "../supervisor.ts";
import { exitFile } from "./observe.ts";
import { renderTerminalScript, renderWaitScript } from "./scripts.ts";

const ENV = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };

/** Replaces this process by the shell that waits for the pod and ends with its code. */
export async function becomeWaiter({ pod, manifest, signal }: LaunchInput): Promise<never> {
  const stop = [...selfArgv(), "__stage1", manifest.stage1.regime, "stop", pod.root];
  const exitFiles = manifest.apps.map(({ name }) => pod.path(exitFile(manifest.uuid, name)));
  // The apps run already: a signal that came while they were started is noticed in the next turn, and is theirs.
  await Bun.sleep(1);
  const isInterrupted = signal?.aborted === true;
  pod.writePlain("oci/wait", renderWaitScript(pod.root, { exitFiles, stop, isInterrupted }), 0o700);
  const nullFd = openat2(AT_FDCWD, "/dev/null", { flags: O_RDONLY });
  const logFd = openat2(AT_FDCWD, pod.path("supervisor.log"), {
    flags: O_WRONLY | O_CREAT | O_APPEND,
    modeOctal: 0o600,
  });
  // The caller's output belongs to the programs that copy the apps' output: their end is its end.
  dup2(nullFd, 0);
  dup2(logFd, 1);
  dup2(logFd, 2);
  return execve("/bin/sh", ["sh", pod.path("oci/wait")], ENV);
}

/** Replaces this process by the runtime in the foreground, under a shell that keeps the lock and records the end. */
export function becomeTerminal({ pod, manifest, lockFd }: LaunchInput, app: string): never {
  const base = pod.path(`apps/${app}`);
  const run = [
    `${base}/runtime`,
    "run",
    `--bundle=${base}/bundle`,
    `--pid-file=${base}/pid`,
    `${manifest.uuid}-${app}`,
  ];
  pod.writePlain("oci/terminal", renderTerminalScript(run, `${base}/exited`), 0o700);
  pod.writePlain(`apps/${app}/started`, "", 0o600);
  writeSupervisor(pod, process.pid);
  setCloseOnExec(lockFd, false);
  const { TERM = "xterm" } = process.env;
  return execve("/bin/sh", ["sh", pod.path("oci/terminal")], { ...ENV, TERM });
}
