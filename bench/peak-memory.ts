import { readdirSync, readFileSync } from "node:fs";

const INTERVAL_MS = 20;

/** Runs a program and returns the most memory that it and all it started held at one time, in MB (proportional set size). */
export async function peakMemoryOf(argv: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  const child = Bun.spawn([...argv], { env: { ...env }, stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const stderr = new Response(child.stderr).text();
  let peak = 0;
  while (child.exitCode === null && child.signalCode === null) {
    const parts = treeOf(child.pid).map(proportionalMb);
    peak = Math.max(
      peak,
      parts.reduce((sum, part) => sum + part, 0),
    );
    await Bun.sleep(INTERVAL_MS);
  }
  if (child.exitCode !== 0) throw new Error(`${argv.join(" ")} ended with ${child.exitCode}: ${await stderr}`);
  return peak;
}

function treeOf(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const parent = Number(/^\d+ \(.*\) \S (\d+) /s.exec(readText(`/proc/${name}/stat`))?.[1] ?? "0");
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

/** Proportional set size of a process; 0 when it has ended. */
export function proportionalMb(pid: number): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(readText(`/proc/${pid}/smaps_rollup`))?.[1] ?? "0") / 1024;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // it has just ended
  }
}
