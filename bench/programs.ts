const BASE_ENV = { HOME: "/root", LANG: "C.UTF-8" };

/** How a program is run; nothing of the caller's environment but PATH is inherited. */
export interface CallOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string;
}

/** Runs a program to its end and returns its stdout. Anything but exit code 0 throws with all it said. */
export function call(argv: readonly string[], options: CallOptions = {}): string {
  const { PATH = "/usr/sbin:/usr/bin:/sbin:/bin" } = process.env;
  const done = Bun.spawnSync([...argv], {
    env: { PATH, ...BASE_ENV, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdin: options.stdin === undefined ? "ignore" : new TextEncoder().encode(options.stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
  if (done.success) return done.stdout.toString();
  throw new Error(`${argv.join(" ")} ended with ${done.exitCode ?? done.signalCode}:\n${done.stdout}${done.stderr}`);
}
