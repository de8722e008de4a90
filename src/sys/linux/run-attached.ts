import { constants } from "node:os";
import { SysError } from "../errors.ts";
import { windowSize } from "./terminal-calls.ts";

/** A program that gets the caller's own input and output. */
export interface AttachedProgram {
  readonly argv: readonly [string, ...string[]];
  /** Name the program sees itself by. */
  readonly argv0: string;
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly cwd: string;
  /** Give it a terminal of its own, joined to the caller's. */
  readonly tty: boolean;
  /** Pass the caller's stdin on; otherwise it reads end of file. */
  readonly interactive: boolean;
  /** Runs on this thread right before the start; what it does to the thread, the program inherits. */
  beforeSpawn(): void;
  /** Runs once the program exists, on the thread as `beforeSpawn` left it. */
  afterSpawn(): void;
}

const FORWARDED = ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH"] as const;

/**
 * Starts a program on the caller's stdin, stdout and stderr, forwards signals, and waits. Returns its exit code, 128 + n
 * when a signal ended it. @throws {SysError} "sys/program-failed" when it cannot be started
 */
export async function runAttached(program: AttachedProgram): Promise<number> {
  const env = Object.fromEntries(program.env.map((entry) => splitEnv(entry)));
  const terminal = program.tty ? openTerminal() : undefined;
  program.beforeSpawn();
  const child = start(program, { env, terminal });
  program.afterSpawn();
  const stopForwarding = forwardSignals(child, terminal);
  const restore = terminal === undefined ? () => {} : joinTerminal(terminal, program.interactive);
  try {
    await child.exited;
  } finally {
    restore();
    stopForwarding();
    terminal?.close();
  }
  if (child.signalCode !== null) return 128 + signalNumber(child.signalCode);
  return child.exitCode ?? 255;
}

function start(
  program: AttachedProgram,
  { env, terminal }: { readonly env: Record<string, string>; readonly terminal: Bun.Terminal | undefined },
): Bun.Subprocess {
  const common = { cmd: [...program.argv], argv0: program.argv0, env, cwd: program.cwd };
  try {
    if (terminal !== undefined) return Bun.spawn({ ...common, terminal });
    return Bun.spawn({ ...common, stdio: [program.interactive ? "inherit" : "ignore", "inherit", "inherit"] });
  } catch (reason) {
    throw new SysError("sys/program-failed", `Cannot start "${program.argv0}": ${String(reason)}`, {
      hint: "check that the program and its working directory exist and that the user may use them",
      cause: reason,
    });
  }
}

function openTerminal(): Bun.Terminal {
  const size = windowSize(0) ?? windowSize(1) ?? { rows: 24, columns: 80 };
  return new Bun.Terminal({
    cols: size.columns,
    rows: size.rows,
    data: (_terminal, bytes) => void process.stdout.write(bytes),
  });
}

function joinTerminal(terminal: Bun.Terminal, isInteractive: boolean): () => void {
  if (!isInteractive) return () => {};
  const { stdin } = process;
  const onData = (bytes: Uint8Array) => void terminal.write(bytes);
  if (stdin.isTTY) stdin.setRawMode(true);
  stdin.on("data", onData);
  return () => {
    stdin.off("data", onData);
    if (stdin.isTTY) stdin.setRawMode(false);
    stdin.pause();
  };
}

function forwardSignals(child: Bun.Subprocess, terminal: Bun.Terminal | undefined): () => void {
  const handlers = FORWARDED.map((name) => {
    const handler = () => {
      if (name !== "SIGWINCH") return child.kill(name);
      const size = windowSize(0);
      if (size !== undefined) terminal?.resize(size.columns, size.rows);
    };
    process.on(name, handler);
    return () => process.off(name, handler);
  });
  // The program shares the terminal's foreground group: it gets ^C itself, and decides.
  const ignore = () => {};
  process.on("SIGINT", ignore);
  return () => {
    for (const stop of handlers) stop();
    process.off("SIGINT", ignore);
  };
}

function signalNumber(signal: NodeJS.Signals | number): number {
  return typeof signal === "number" ? signal : constants.signals[signal];
}

function splitEnv(entry: string): [string, string] {
  const at = entry.indexOf("=");
  return [entry.slice(0, at), entry.slice(at + 1)];
}
