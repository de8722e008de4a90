import { expect, test } from "bun:test";
import { fuzzTarget } from "./fuzz-target.ts";
import { decoded, type FuzzTarget, text } from "./target.ts";

const INPUTS = 1_000_000;
const MAX_PEAK_KIB = 512 * 1024;
/** No parser may keep still longer than this over five hundred inputs. */
const SILENCE_MS = 60_000;

/** Runs the fuzzer in a process of its own, so that a hang can be ended and peak memory is its own. */
async function runFuzz(args: readonly string[]): Promise<readonly string[]> {
  const script = new URL("run-fuzz.ts", import.meta.url).pathname;
  const child = Bun.spawn([process.execPath, script, ...args], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const lines: string[] = [];
  let watchdog = setTimeout(() => child.kill("SIGKILL"), SILENCE_MS);
  let rest = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => child.kill("SIGKILL"), SILENCE_MS);
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
  }
  clearTimeout(watchdog);
  await child.exited;
  return child.signalCode === null ? lines : [...lines, `hung, killed by ${child.signalCode}`];
}

test(`a million mutated inputs make no parser crash, hang or fill the memory`, async () => {
  const lines = await runFuzz([String(INPUTS), process.env["GANTRY_TEST_SEED"] ?? "1"]);
  expect(lines.filter((line) => line.startsWith('{"target"'))).toEqual([]);
  const last = lines.at(-1) ?? "";
  expect(last).toStartWith("{");
  const { done, findings, peakKiB } = JSON.parse(last);
  expect(done).toBeGreaterThanOrEqual(INPUTS);
  expect(findings).toBe(0);
  expect(peakKiB).toBeLessThan(MAX_PEAK_KIB);
  // A target none of whose inputs get through would only ever try its first check.
  const finished = lines.filter((line) => line.startsWith('{"finished"')).map((line) => JSON.parse(line));
  expect(finished.filter(({ accepted }) => accepted === 0)).toEqual([]);
}, 600_000);

test("fuzzTarget() finds a planted bug and prints the input that shows it", async () => {
  const planted: FuzzTarget = {
    name: "planted",
    weight: 1,
    seeds: [text("abc")],
    words: ["!!"],
    feed: decoded((input) => {
      if (input.includes("!!")) throw new TypeError("planted");
    }),
  };
  const lines: string[] = [];
  const counts = await fuzzTarget(planted, { count: 2000, seed: 1, print: (line) => void lines.push(line) });
  expect(counts.findings).toBeGreaterThan(0);
  const found = JSON.parse(lines.find((line) => line.startsWith("{")) ?? "{}");
  expect(Buffer.from(found.input, "base64").toString()).toContain("!!");
});
