import { type GantryOptions, gantryArgv, gantryEnv } from "./gantry.ts";

/** A program on a terminal of its own, as a person would have it. */
export interface TerminalSession extends AsyncDisposable {
  /** Everything shown so far. */
  readonly shown: () => string;
  /** Resolves when the terminal shows `text`; rejects when the program ends or `waitMs` (30 s) pass without it. */
  waitFor(text: string): Promise<void>;
  type(text: string): void;
  resize(columns: number, rows: number): void;
  readonly pid: number;
  readonly exited: Promise<number>;
}

const WAIT_MS = 30_000;

/** Starts the binary with a controlling terminal of 100 columns and 30 rows. */
export function gantryOnTerminal(
  args: readonly string[],
  { waitMs = WAIT_MS, ...options }: GantryOptions & { readonly waitMs?: number } = {},
): TerminalSession {
  let output = "";
  let hasEnded = false;
  const child = Bun.spawn(gantryArgv(args, options), {
    env: { ...gantryEnv(options), TERM: "xterm" },
    terminal: {
      cols: 100,
      rows: 30,
      data: (_, bytes) => {
        output += new TextDecoder().decode(bytes);
      },
    },
  });
  const exited = child.exited.then((code) => {
    hasEnded = true;
    return code;
  });
  const { terminal } = child;
  if (terminal === undefined) throw new Error("no terminal");
  return {
    shown: () => output,
    async waitFor(text) {
      for (const until = Date.now() + waitMs; !output.includes(text); await Bun.sleep(20)) {
        if (hasEnded || Date.now() > until) throw new Error(`the terminal never showed "${text}":\n${output}`);
      }
    },
    type: (text) => void terminal.write(text),
    resize: (columns, rows) => terminal.resize(columns, rows),
    pid: child.pid,
    exited,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
      terminal.close();
    },
  };
}
