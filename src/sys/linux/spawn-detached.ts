import { fileError } from "./file-error.ts";
import { close, dupAbove } from "./fs-calls.ts";

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

/** Room above the child's own descriptors. */
const SPARE_FDS = 8;

/** Starts a program in a session of its own and does not wait for it. Returns its pid. */
export function spawnDetached(program: DetachedProgram): number {
  // Out of the way first: descriptors are put in their places one after the other, and one may lie where another belongs.
  const copies = program.stdio.map((fd) => (fd === "ignore" ? fd : dupAbove(fd, program.stdio.length + SPARE_FDS)));
  const [stdin = "ignore", stdout = "ignore", stderr = "ignore", ...more] = copies;
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
  } finally {
    for (const fd of copies) if (fd !== "ignore") close(fd);
  }
}
