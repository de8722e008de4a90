import { constants } from "node:os";
import { SysError } from "../errors.ts";
import { enterRawMode } from "../terminal.ts";
import { isatty, windowSize } from "./terminal-calls.ts";

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

const FORWARDED = ["SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH"] as const;

/**
 * Starts a program on the caller's stdin, stdout and stderr, forwards signals, and waits. Returns its exit code, 128 + n
 * when a signal ended it. @throws {SysError} "sys/program-failed" when it cannot be started
 */
export async function runAttached(program: AttachedProgram): Promise<number> {
  const env = Object.fromEntries(program.env.map((entry) => splitEnv(entry)));
  program.beforeSpawn();
  const child = start(program, env);
  program.afterSpawn();
  const { terminal } = child;
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

// Always in a session of its own: whoever has the caller's terminal as its controlling one can type into it (TIOCSTI).
function start(program: AttachedProgram, env: Record<string, string>): Bun.Subprocess {
  const common = { cmd: [...program.argv], argv0: program.argv0, env, cwd: program.cwd };
  try {
    // Options, not a Terminal made before: only with these the program gets the terminal as its controlling one.
    if (program.tty) return Bun.spawn({ ...common, terminal: terminalOptions() });
    const stdin = program.interactive ? "inherit" : "ignore";
    return Bun.spawn({ ...common, detached: true, stdio: [stdin, "inherit", "inherit"] });
  } catch (reason) {
    throw new SysError("sys/program-failed", `Cannot start "${program.argv0}": ${String(reason)}`, {
      hint: "check that the program and its working directory exist and that the user may use them",
      cause: reason,
    });
  }
}

function terminalOptions(): Bun.TerminalOptions {
  const size = windowSize(0) ?? windowSize(1) ?? { rows: 24, columns: 80 };
  return { cols: size.columns, rows: size.rows, data: (_, bytes) => void process.stdout.write(bytes) };
}

function joinTerminal(terminal: Bun.Terminal, isInteractive: boolean): () => void {
  if (!isInteractive) return () => {};
  const { stdin } = process;
  const onData = (bytes: Uint8Array) => void terminal.write(bytes);
  // Not setRawMode() of stdin: it opens the terminal again by its path, which names another one in here, or none.
  const raw = isatty(0) ? enterRawMode(0) : undefined;
  stdin.on("data", onData);
  return () => {
    stdin.off("data", onData);
    raw?.[Symbol.dispose]();
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
  return () => {
    for (const stop of handlers) stop();
  };
}

function signalNumber(signal: NodeJS.Signals | number): number {
  return typeof signal === "number" ? signal : constants.signals[signal];
}

function splitEnv(entry: string): [string, string] {
  const at = entry.indexOf("=");
  return [entry.slice(0, at), entry.slice(at + 1)];
}
