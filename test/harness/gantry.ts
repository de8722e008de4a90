const BINARY = new URL("../../dist/gantry", import.meta.url).pathname;

/** Where and how to run the binary. */
export interface GantryOptions {
  /** `--root`. */
  readonly root?: string;
  /** `--config`. */
  readonly config?: string;
  /** Added to PATH, HOME and LANG; nothing else is inherited. */
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Uint8Array;
  readonly cwd?: string;
  /** Open descriptors that it finds as 3 and on, as a careless caller leaves them. */
  readonly descriptors?: readonly number[];
  /** After which the process is killed and the call rejects; default two minutes. */
  readonly timeoutMs?: number;
}

/** How the binary ended. */
export interface GantryResult {
  /** 0–255, or 128 + signal number. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Command line of the binary with its global flags, for stories that spawn it themselves (signals, terminals). */
export function gantryArgv(args: readonly string[], options: GantryOptions = {}): string[] {
  const root = options.root === undefined ? [] : [`--root=${options.root}`];
  const config = options.config === undefined ? [] : [`--config=${options.config}`];
  return [BINARY, ...root, ...config, ...args];
}

/** Environment a story runs the binary with: no variable of the caller's leaks in. */
export function gantryEnv(options: GantryOptions = {}): Record<string, string> {
  const { PATH = "/usr/sbin:/usr/bin:/sbin:/bin" } = process.env;
  return { PATH, HOME: "/root", LANG: "C.UTF-8", ...options.env };
}

/** Runs dist/gantry to its end. Any exit code is a result; only the time limit rejects. */
export async function gantry(args: readonly string[], options: GantryOptions = {}): Promise<GantryResult> {
  const timeoutMs = options.timeoutMs ?? 120_000;
  const stdin = typeof options.stdin === "string" ? new TextEncoder().encode(options.stdin) : options.stdin;
  const child = Bun.spawn(gantryArgv(args, options), {
    env: gantryEnv(options),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdio: [stdin ?? "ignore", "pipe", "pipe", ...(options.descriptors ?? [])],
  });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
  }, timeoutMs);
  try {
    const [stdout, stderr, exitCode] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    if (isLate) throw new Error(`gantry ${args.join(" ")} took longer than ${timeoutMs} ms\n${stdout}${stderr}`);
    return { exitCode, stdout, stderr };
  } finally {
    clearTimeout(timer);
  }
}
