import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseJunit, type TestCase } from "./junit.ts";

/** How one `bun test` process went. `output` is worth printing when something failed. */
export interface TestRun {
  readonly cases: readonly TestCase[];
  readonly output: string;
  readonly seconds: number;
}

/** Limits of one run: per test, and for the whole process, after which it is killed and counts as failed. */
export interface TestLimits {
  readonly testTimeoutMs: number;
  readonly processTimeoutMs: number;
}

/** Runs test files or folders in one process of their own and counts from its JUnit report. */
export async function runTestFile(root: string, paths: readonly string[], limits: TestLimits): Promise<TestRun> {
  const temp = mkdtempSync(join(tmpdir(), "run-tests-"));
  const report = join(temp, "junit.xml");
  const log = join(temp, "output");
  const logFd = openSync(log, "a");
  const startedAt = performance.now();
  try {
    const argv = [
      process.execPath,
      "test",
      "--reporter=junit",
      `--reporter-outfile=${report}`,
      `--timeout=${limits.testTimeoutMs}`,
    ];
    const child = Bun.spawn([...argv, ...paths.map((path) => `./${path}`)], {
      cwd: root,
      // A file, not a pipe: a process that a test left behind cannot hold it open.
      stdout: logFd,
      stderr: logFd,
      stdin: "ignore",
      env: { ...process.env, NO_COLOR: "1" },
      timeout: limits.processTimeoutMs,
      killSignal: "SIGKILL",
    });
    await child.exited;
    const output = readIfThere(log);
    return { cases: judge(paths, child, report), output, seconds: (performance.now() - startedAt) / 1000 };
  } finally {
    closeSync(logFd);
    rmSync(temp, { recursive: true, force: true });
  }
}

function judge(paths: readonly string[], child: Bun.Subprocess, report: string): TestCase[] {
  const file = paths.join(" ");
  const cases = parseJunit(readIfThere(report));
  if (child.signalCode !== null) {
    return [...cases, { file, name: `killed by ${child.signalCode}, or after its time limit`, state: "failed" }];
  }
  const failedSilently = child.exitCode !== 0 && !cases.some((one) => one.state === "failed");
  return failedSilently ? [...cases, { file, name: `bun test ended with ${child.exitCode}`, state: "failed" }] : cases;
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // no report: it crashed or was killed, which `judge` counts as a failure
  }
}
