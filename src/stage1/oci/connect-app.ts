import type { AppName } from "../../pod/names.ts";
import type { LaunchInput } from "../../pod/stage1-contract.ts";
import { AT_FDCWD, O_CLOEXEC, O_RDONLY } from "../../sys/linux/constants.ts";
import { close, openat2 } from "../../sys/linux/fs-calls.ts";
import { connectInputPipe, openOutput } from "../app-stdio.ts";

/** What an app gets as standard input, output and error; undefined: conmon's own pipes. */
export interface AppStdio extends Disposable {
  readonly fds: readonly [number, number, number] | undefined;
  /** Starts the programs that take what the app writes. Call once, before the app begins. */
  copy(): void;
}

/**
 * In the foreground output goes through FIFOs and tee to the log and to the caller. In the background and on a terminal conmon reads it.
 * Disposing closes our copies.
 */
export function connectApp(
  input: LaunchInput,
  { app, isTerminal }: { readonly app: AppName; readonly isTerminal: boolean },
): AppStdio {
  const { pod } = input;
  pod.ensureDir(`logs/${app}`, 0o700);
  if (input.mode === "spawn" || isTerminal) return { fds: undefined, copy: () => {}, [Symbol.dispose]: () => {} };
  const stdin = input.interactive
    ? connectInputPipe()
    : openat2(AT_FDCWD, "/dev/null", { flags: O_RDONLY | O_CLOEXEC });
  const stdout = openOutput(pod, { app, stream: "stdout", callerFd: 1 });
  const stderr = openOutput(pod, { app, stream: "stderr", callerFd: 2 });
  const fds = [stdin, stdout.writeFd, stderr.writeFd] as const;
  return {
    fds,
    copy: () => {
      stdout.copy();
      stderr.copy();
    },
    [Symbol.dispose]: () => {
      for (const fd of fds) close(fd);
    },
  };
}
