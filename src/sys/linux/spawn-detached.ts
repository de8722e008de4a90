import { fileError } from "./file-error.ts";

/** A program that outlives us. */
export interface DetachedProgram {
  /** argv[0] is a path, or looked up in PATH. */
  readonly argv: readonly [string, ...string[]];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Descriptors that become 0, 1, 2, 3 … in the child; "ignore" is /dev/null. */
  readonly stdio: readonly (number | "ignore")[];
}

/** Starts a program in a session of its own and does not wait for it. Returns its pid. */
export function spawnDetached(program: DetachedProgram): number {
  const [stdin = "ignore", stdout = "ignore", stderr = "ignore", ...more] = program.stdio;
  try {
    const child = Bun.spawn([...program.argv], {
      env: { ...program.env },
      ...(program.cwd === undefined ? {} : { cwd: program.cwd }),
      detached: true, // setsid(2)
      stdio: [stdin, stdout, stderr, ...more],
    });
    child.unref();
    return child.pid;
  } catch (reason) {
    throw fileError(reason, `start program "${program.argv[0]}"`);
  }
}
