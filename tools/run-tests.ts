// What `npm test` runs after the set-up: the gate, unit tests, stories one file at a time, and a look at what the
// stories left on the host. The last line is the summary. With arguments: only the stories whose path contains one.
import { Glob } from "bun";
import { hostLeaks, hostSnapshot } from "../test/harness/host-snapshot.ts";
import { runTestFile, type TestLimits, type TestRun } from "./checks/run-test-file.ts";

const MINUTE_MS = 60_000;
const UNIT: TestLimits = { testTimeoutMs: MINUTE_MS, processTimeoutMs: 10 * MINUTE_MS };
const STORY: TestLimits = { testTimeoutMs: 5 * MINUTE_MS, processTimeoutMs: 15 * MINUTE_MS };
/** PID 1 may reap late, and the kernel takes network namespaces down in the background. */
const SETTLE_TRIES = 20;

const root = new URL("..", import.meta.url).pathname;
const startedAt = performance.now();
const failures: string[] = [];
let passed = 0;
let skipped = 0;

async function gate(): Promise<void> {
  const check = Bun.spawn([process.execPath, "tools/check.ts"], { cwd: root, stdout: "inherit", stderr: "inherit" });
  if ((await check.exited) !== 0) failures.push("the gate (tools/check.ts) failed");
  else passed++;
}

function count(label: string, run: TestRun, knownSkips: ReadonlySet<string>): void {
  const of = (state: string): readonly { file: string; name: string }[] =>
    run.cases.filter((one) => one.state === state);
  passed += of("passed").length;
  skipped += of("skipped").length;
  const before = failures.length;
  for (const one of of("failed")) failures.push(`${one.file}: ${one.name}`);
  for (const one of of("skipped")) {
    if (!knownSkips.has(one.name)) failures.push(`${one.file}: ${one.name}: skipped, but not in test/known-skips.txt`);
  }
  if (run.cases.length === 0) failures.push(`${label}: no tests ran`);
  const ok = failures.length === before;
  console.log(`${ok ? "ok   " : "FAIL "} ${label}: ${of("passed").length} passed, ${run.seconds.toFixed(1)} s`);
  if (!ok) console.log(withoutPassed(run.output).replace(/^/gm, "      "));
}

/** What is worth reading of a file in which something failed, also where only part of a long output is kept. */
function withoutPassed(output: string): string {
  return output.replaceAll(/^\(pass\) .*\n/gm, "").trimEnd();
}

async function readKnownSkips(): Promise<ReadonlySet<string>> {
  const lines = (await Bun.file(`${root}test/known-skips.txt`).text()).split("\n");
  return new Set(
    lines.filter((line) => !line.startsWith("#") && line.includes(" :: ")).map((line) => line.split(" :: ")[0] ?? ""),
  );
}

async function leaks(before: ReturnType<typeof hostSnapshot>): Promise<void> {
  let left = hostLeaks(before, hostSnapshot());
  for (let tries = 0; left.length > 0 && tries < SETTLE_TRIES; tries++) {
    await Bun.sleep(500);
    left = hostLeaks(before, hostSnapshot());
  }
  console.log(
    left.length === 0
      ? "ok    nothing left on the host"
      : `FAIL  left on the host:\n${left.join("\n").replace(/^/gm, "      ")}`,
  );
  if (left.length === 0) passed++;
  for (const leak of left) failures.push(`left on the host: ${leak}`);
}

const knownSkips = await readKnownSkips();
const only = process.argv.slice(2);
const before = hostSnapshot();
if (only.length === 0) {
  await gate();
  count("unit tests", await runTestFile(root, ["src", "tools"], UNIT), knownSkips);
}
const stories = [...new Glob("test/**/*.test.ts").scanSync({ cwd: root })].sort();
for (const story of stories.filter((path) => only.length === 0 || only.some((part) => path.includes(part)))) {
  count(story, await runTestFile(root, [story], STORY), knownSkips);
}
await leaks(before);

if (failures.length > 0) console.log(`\nFailures:\n${failures.map((line) => `  ${line}`).join("\n")}`);
console.log(`\n${((performance.now() - startedAt) / 1000).toFixed(0)} s in all`);
process.exitCode = failures.length === 0 && passed > 0 ? 0 : 1;
console.log(`${passed} passed, ${failures.length} failed, ${skipped} skipped`);
