import { spawnSync } from "node:child_process";

/** A set-up that cannot go on: what is wrong, what to do about it (one line each), and the exit code. */
export class SetupError extends Error {
  constructor(exitCode, message, todo = []) {
    super(message);
    this.exitCode = exitCode;
    this.todo = todo;
  }
}

/** Prints the error for people and returns the exit code. Anything but a SetupError is a bug (70). */
export function fail(reason) {
  if (!(reason instanceof SetupError)) {
    console.error(reason);
    return 70;
  }
  console.error(`error: ${reason.message}`);
  for (const line of reason.todo) console.error(`  ${line}`);
  return reason.exitCode;
}

/** One line of progress: on a terminal, or when the step takes long enough that silence would puzzle. */
export function progress(text) {
  if (process.stderr.isTTY) console.error(`· ${text}`);
}

/** Runs a program with its output kept back; returns { ok, output }. Output appears only in errors. */
export function runQuietly(argv, options = {}) {
  const [file, ...args] = argv;
  const result = spawnSync(file, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 64 * 1024 * 1024,
    ...options,
  });
  const output = `${result.stdout ?? ""}${result.stderr ?? ""}${result.error ? String(result.error.message) : ""}`;
  return { ok: result.status === 0, output };
}

/** The last lines of a program's output, indented for an error. */
export function tail(output, lines = 15) {
  return output.trim().split("\n").slice(-lines);
}
