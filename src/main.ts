import { closeSync, openSync, readSync, writeSync } from "node:fs";
import type { CliHost, Stream } from "./cli/host.ts";
import type { EngineOptions } from "./engine/engine-options.ts";

declare const GANTRY_VERSION: string | undefined;
declare const GANTRY_COMMIT: string | undefined;

const VERSION = {
  version: typeof GANTRY_VERSION === "string" ? GANTRY_VERSION : "0.0.0-source",
  commit: typeof GANTRY_COMMIT === "string" ? GANTRY_COMMIT : "",
};

/** Composition root: the only place that knows the process, and the only one that ends it. */
async function main(argv: readonly string[]): Promise<number> {
  if (argv.length === 1 && (argv[0] === "version" || argv[0] === "--version")) {
    writeAll(1, `gantry ${VERSION.version}${VERSION.commit === "" ? "" : ` (${VERSION.commit})`}\n`);
    return 0; // before anything is loaded: this is how long every start takes at least
  }
  const [{ runCli }, terminal] = await Promise.all([import("./cli/run-cli.ts"), import("./sys/terminal.ts")]);
  const abort = new AbortController();
  let interrupts = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    interrupts++;
    if (interrupts > 1) process.exit(130); // asked twice: do not wait for the clean-up
    abort.abort(new DOMException(signal, "AbortError"));
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return runCli(makeHost(argv, { signal: abort.signal, terminal }));
}

type Terminal = typeof import("./sys/terminal.ts");

function makeHost(
  argv: readonly string[],
  { signal, terminal }: { readonly signal: AbortSignal; readonly terminal: Terminal },
): CliHost {
  return {
    argv,
    env: process.env,
    stdout: makeStream(1, terminal),
    stderr: makeStream(2, terminal),
    version: VERSION,
    signal,
    readTextFile: async (path, limitBytes) => {
      const { readUserFile } = await import("./cli/read-user-file.ts");
      return readUserFile(path, () => Bun.file(path).stream(), limitBytes);
    },
    readStdin: async (limitBytes) => {
      const { readUserFile } = await import("./cli/read-user-file.ts");
      return readUserFile("standard input", () => Bun.stdin.stream(), limitBytes);
    },
    ask: askOnTerminal,
    createEngine: async (options: EngineOptions) => {
      const { createEngine } = await import("./engine/create-engine.ts");
      return createEngine(options);
    },
  };
}

/** process.stdout would know all this too, but only to touch it costs a third of the time that Bun takes to start. */
function makeStream(fd: 1 | 2, terminal: Terminal): Stream {
  return {
    isTerminal: terminal.isTerminal(fd),
    columns: terminal.terminalColumns(fd) ?? 80,
    write: (content) => writeAll(fd, content),
  };
}

/** Whole or not at all, in order: process.stdout would lose its tail when the process ends. */
function writeAll(fd: number, content: string | Uint8Array): void {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  let written = 0;
  while (written < bytes.byteLength) {
    try {
      written += writeSync(fd, bytes, written);
    } catch (reason) {
      const code = reason instanceof Error && "code" in reason ? reason.code : undefined;
      if (code === "EPIPE") process.exit(fd === 1 ? 141 : 1); // the reader has gone, as `gantry list | head -1` does
      if (code !== "EAGAIN") throw reason;
      Bun.sleepSync(1); // a full pipe somebody made non-blocking
    }
  }
}

function askOnTerminal(question: string): string | undefined {
  let fd: number;
  try {
    fd = openSync("/dev/tty", "r+");
  } catch {
    return undefined; // no controlling terminal: the caller says what to do instead
  }
  // A blocked read runs no handler: without one, Ctrl-C ends the program. Nothing is half-done at a question.
  const handlers = process.listeners("SIGINT");
  process.removeAllListeners("SIGINT");
  try {
    writeAll(fd, question);
    const buffer = new Uint8Array(1024);
    return new TextDecoder().decode(buffer.subarray(0, readSync(fd, buffer)));
  } finally {
    for (const handler of handlers) process.on("SIGINT", handler);
    closeSync(fd);
  }
}

process.exit(await main(process.argv.slice(2)));
