import { constants } from "node:os";
import { SysError } from "../errors.ts";

/** A program whose streams are carried by this process. */
export interface PipedProgram {
  readonly argv: readonly [string, ...string[]];
  /** Name the program sees itself by. */
  readonly argv0: string;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** A terminal of this size instead of pipes; everything it writes is then stdout. */
  readonly terminal?: { readonly rows: number; readonly columns: number };
  /** Called in order; returning late holds the program back. */
  onStdout(bytes: Uint8Array): void;
  onStderr(bytes: Uint8Array): void;
}

/** A running program of that kind. */
export interface PipedProcess {
  /** Its exit code, 128 + n for a signal, when all it wrote has been handed over. */
  readonly exited: Promise<number>;
  /** Resolves when the program has room for more. A program that reads no more is no failure. */
  write(bytes: Uint8Array): Promise<void>;
  endInput(): void;
  kill(signal: number): void;
  resize(size: { readonly rows: number; readonly columns: number }): void;
}

const END_OF_TRANSMISSION = Uint8Array.of(4);

/** Starts a program with pipes or a terminal of its own. @throws {SysError} "sys/program-failed" when it cannot be started */
export function startPiped(program: PipedProgram): PipedProcess {
  const common = { cmd: [...program.argv], argv0: program.argv0, env: { ...program.env }, cwd: program.cwd };
  try {
    return program.terminal === undefined ? withPipes(program, common) : withTerminal(program, common);
  } catch (reason) {
    throw new SysError("sys/program-failed", `Cannot start "${program.argv0}": ${String(reason)}`, {
      hint: "check that the program and its working directory exist and that the user may use them",
      cause: reason,
    });
  }
}

type Common = {
  readonly cmd: string[];
  readonly argv0: string;
  readonly env: Record<string, string>;
  readonly cwd: string;
};

function withPipes(program: PipedProgram, common: Common): PipedProcess {
  const child = Bun.spawn({ ...common, stdin: "pipe", stdout: "pipe", stderr: "pipe" });
  const streams = [drain(child.stdout, program.onStdout), drain(child.stderr, program.onStderr)];
  return {
    exited: Promise.all([child.exited, ...streams]).then(() => exitCodeOf(child)),
    write: async (bytes) => {
      try {
        child.stdin.write(bytes);
        await child.stdin.flush();
      } catch {
        // It closed its input, or has ended: its exit code tells the rest.
      }
    },
    endInput: () => void Promise.resolve(child.stdin.end()).catch(() => {}),
    kill: (signal) => child.kill(signal),
    resize: () => {},
  };
}

function withTerminal(program: PipedProgram, common: Common): PipedProcess {
  const terminal = new Bun.Terminal({
    cols: program.terminal?.columns ?? 80,
    rows: program.terminal?.rows ?? 24,
    data: (_terminal, bytes) => program.onStdout(bytes),
  });
  const child = Bun.spawn({ ...common, terminal });
  return {
    exited: child.exited.then(async () => {
      // What the terminal still holds arrives in the next turns of the event loop.
      await Bun.sleep(20);
      terminal.close();
      return exitCodeOf(child);
    }),
    write: async (bytes) => void terminal.write(bytes),
    endInput: () => void terminal.write(END_OF_TRANSMISSION),
    kill: (signal) => child.kill(signal),
    resize: ({ rows, columns }) => terminal.resize(columns, rows),
  };
}

async function drain(stream: ReadableStream<Uint8Array>, take: (bytes: Uint8Array) => void): Promise<void> {
  for await (const bytes of stream) take(bytes);
}

function exitCodeOf(child: Bun.Subprocess): number {
  const { signalCode } = child;
  if (signalCode !== null) return 128 + (typeof signalCode === "number" ? signalCode : constants.signals[signalCode]);
  return child.exitCode ?? 255;
}
