import { constants as osConstants } from "node:os";
import { SysError } from "../errors.ts";
import type { Program, ProgramResult, Programs } from "../host.ts";
import { SIGKILL } from "./constants.ts";
import { fileError } from "./file-error.ts";
import { hasErrno } from "./libc.ts";
import { kill } from "./process-calls.ts";

const DEFAULT_LIMIT_BYTES = 1024 * 1024;
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Runs programs of this machine, each in a process group of its own that is killed as a whole when it is given up. */
export function createPrograms(): Programs {
  return { run: async (program, { signal } = {}) => runProgram(program, signal) };
}

async function runProgram(program: Program, signal?: AbortSignal): Promise<ProgramResult> {
  signal?.throwIfAborted();
  const child = start(program);
  let ended: unknown;
  const giveUp = (reason: unknown): void => {
    ended ??= reason;
    killGroup(child.pid);
  };
  const onAbort = (): void => giveUp(signal?.reason);
  const onTimeout = (): void => giveUp(timeout(program));
  const timer = program.timeoutMs === undefined ? undefined : setTimeout(onTimeout, program.timeoutMs);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const capture = (stream: ReadableStream<Uint8Array>) => readBounded(stream, program, giveUp);
    const feeding = isStream(program.stdin) ? feed(child, program.stdin).catch(giveUp) : undefined;
    const [stdout, stderr] = await Promise.all([capture(child.stdout), capture(child.stderr), child.exited, feeding]);
    if (ended !== undefined) throw ended;
    return { exitCode: exitCodeOf(child.exitCode, child.signalCode), stdout, stderr };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

function start(program: Program) {
  const [name] = program.argv;
  const env = program.env ?? { PATH: process.env["PATH"] ?? DEFAULT_PATH };
  const path = name.includes("/") ? name : Bun.which(name, { PATH: env["PATH"] ?? DEFAULT_PATH });
  if (path === null) throw missing(name);
  const { stdin: given } = program;
  const stdin = isStream(given) ? "pipe" : typeof given === "string" ? new TextEncoder().encode(given) : given;
  try {
    return Bun.spawn([path, ...program.argv.slice(1)], {
      argv0: name,
      env: { ...env },
      ...(program.cwd === undefined ? {} : { cwd: program.cwd }),
      detached: true,
      stdio: [stdin ?? "ignore", "pipe", "pipe", ...(program.inheritFds ?? [])],
    });
  } catch (reason) {
    const error = fileError(reason, `run program "${name}"`);
    throw error.code === "sys/not-found" ? missing(name, reason) : error;
  }
}

function isStream(stdin: Program["stdin"]): stdin is AsyncIterable<Uint8Array> {
  return typeof stdin === "object" && Symbol.asyncIterator in stdin;
}

/** Ends with the program when it ends first: its exit code then tells why. A stream that fails must not look like its end. */
async function feed(child: ReturnType<typeof start>, stdin: AsyncIterable<Uint8Array>): Promise<void> {
  const sink = child.stdin;
  if (sink === undefined || typeof sink === "number") return;
  for await (const chunk of stdin) {
    const isTaken = await unlessBroken(async () => {
      await sink.write(chunk);
      await sink.flush();
    });
    if (!isTaken || child.exitCode !== null || child.signalCode !== null) return;
  }
  await unlessBroken(async () => void (await sink.end()));
}

/** false: the program does not read any more. */
async function unlessBroken(write: () => Promise<void>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (reason) {
    if (reason instanceof Error && "code" in reason && reason.code === "EPIPE") return false;
    throw reason;
  }
}

async function readBounded(
  stream: ReadableStream<Uint8Array>,
  program: Program,
  giveUp: (reason: unknown) => void,
): Promise<string> {
  const limitBytes = program.limitBytes ?? DEFAULT_LIMIT_BYTES;
  const decoder = new TextDecoder();
  let [text, sizeBytes] = ["", 0];
  for await (const chunk of stream) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes <= limitBytes) text += decoder.decode(chunk, { stream: true });
    else giveUp(tooLarge(program, limitBytes));
  }
  return text + decoder.decode();
}

/** Kills the process group; one that has ended already is fine. */
function killGroup(pid: number): void {
  try {
    kill(-pid, SIGKILL);
  } catch (reason) {
    if (!hasErrno(reason, "ESRCH")) throw reason; // ended meanwhile
  }
}

const SIGNAL_NUMBERS: ReadonlyMap<string, number> = new Map(Object.entries(osConstants.signals));

/** The shell's convention: 128 + signal number for a program that a signal ended. */
export function exitCodeOf(exitCode: number | null, signalName: string | number | null): number {
  if (signalName !== null)
    return 128 + (typeof signalName === "number" ? signalName : (SIGNAL_NUMBERS.get(signalName) ?? 0));
  return exitCode ?? 255;
}

function missing(name: string, cause?: unknown): SysError {
  return new SysError("sys/program-missing", `Cannot run program "${name}": it is not installed`, {
    hint: `install the package that has ${name}, or see what else is missing with gantry doctor`,
    data: { program: name },
    cause,
  });
}

function timeout(program: Program): SysError {
  return new SysError(
    "sys/timeout",
    `Cannot run program "${program.argv[0]}" to its end: ${program.timeoutMs} ms are over`,
    {
      data: { program: program.argv[0], timeoutMs: program.timeoutMs },
    },
  );
}

function tooLarge(program: Program, limitBytes: number): SysError {
  return new SysError(
    "sys/too-large",
    `Cannot read the output of "${program.argv[0]}": it has more than ${limitBytes} bytes`,
    { hint: "run the program by hand to see what it says" },
  );
}
