import type { LaunchInput } from "../../pod/stage1-contract.ts";
import { AT_FDCWD, O_APPEND, O_CLOEXEC, O_CREAT, O_RDONLY, O_WRONLY } from "../../sys/linux/constants.ts";
import { dup2, openat2, setCloseOnExec } from "../../sys/linux/fs-calls.ts";
import { execve, execveAsIs, restoreSignals } from "../../sys/linux/process-calls.ts";
import { catchSignals, type SignalCatcher } from "../../sys/linux/remember-signals.ts";
import { selfArgv } from "../../sys/linux/self.ts";
import { exitFile } from "./observe.ts";
import { renderWaitScript, WAITED_SIGNALS } from "./scripts.ts";

const ENV = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };

/** Everything for the shell that waits, and the signals that came for the app meanwhile. */
export interface Waiter {
  readonly signals: SignalCatcher;
  readonly input: number;
  readonly output: number;
  readonly shell: ReturnType<typeof waitingShell>;
}

/** Gets ready for `becomeWaiter`; from here on signals are kept that are for the app, whose program may run before. */
export function prepareWaiter(input: LaunchInput): Waiter {
  const { pod, manifest } = input;
  const signals = catchSignals();
  signals.remember(WAITED_SIGNALS.pass);
  const call = (verb: string) => [...selfArgv(), "__stage1", manifest.stage1.regime, verb, pod.root];
  const exitFiles = manifest.apps.map(({ name }) => pod.path(exitFile(manifest.uuid, name)));
  const script = renderWaitScript(pod.root, { exitFiles, stop: call("stop"), pass: call("signal") });
  pod.writePlain("oci/wait", script, 0o700);
  return {
    signals,
    input: openat2(AT_FDCWD, "/dev/null", { flags: O_RDONLY | O_CLOEXEC }),
    output: openat2(AT_FDCWD, pod.path("supervisor.log"), {
      flags: O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
      modeOctal: 0o600,
    }),
    shell: waitingShell(input),
  };
}

/** Replaces this process by the shell that waits for the pod and ends with its code. */
export async function becomeWaiter(input: LaunchInput, { signals, shell, ...fds }: Waiter): Promise<never> {
  // The caller's output belongs to the programs that copy the apps' output: their end is its end.
  dup2(fds.input, 0);
  dup2(fds.output, 1);
  dup2(fds.output, 2);
  // The apps run already, so a signal is theirs. JavaScript is told in the next turn of what came until here.
  signals.remember(WAITED_SIGNALS.stop);
  for (let turns = 0; turns < 2; turns++) await new Promise((resolve) => setImmediate(resolve));
  restoreSignals(shell.held);
  const came = input.signal?.aborted === true ? WAITED_SIGNALS.stop[0] : signals.take();
  return execveAsIs(shell.path, ["sh", input.pod.path("oci/wait"), String(came ?? "")], ENV);
}

/** Debian's shell takes up blocked signals with its first child; others may leave them blocked for ever. */
function waitingShell({ hostPathKind }: LaunchInput): { readonly path: string; readonly held: readonly number[] } {
  const dash = "/bin/dash";
  return hostPathKind(dash) === "file"
    ? { path: dash, held: [...WAITED_SIGNALS.stop, ...WAITED_SIGNALS.pass] }
    : { path: "/bin/sh", held: [] };
}

/** Replaces this process by the one that starts the only app and carries its terminal: conmon does the rest. */
export function becomeTerminal({ pod, manifest, lockFd }: LaunchInput): never {
  setCloseOnExec(lockFd, true);
  const [program, ...args] = selfArgv();
  const { TERM = "xterm" } = process.env;
  const argv = [program, ...args, "__stage1", manifest.stage1.regime, "terminal", pod.root];
  return execve(program, argv, { ...ENV, TERM });
}
