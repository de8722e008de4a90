// bun test/fuzz/run-fuzz.ts COUNT SEED [TARGET]: gives COUNT mutated inputs to the parsers, by weight. A finding is
// printed as one line of JSON with the input in base64; a line "at TARGET N" every few hundred inputs shows that it lives.
import { fuzzTarget } from "./fuzz-target.ts";
import { IMAGE_TARGETS } from "./image-targets.ts";
import { SOURCE_TARGETS } from "./source-targets.ts";
import { TREE_TARGETS } from "./tree-targets.ts";
import { TRUST_TARGETS } from "./trust-targets.ts";

const [count = "", seed = "1", only = ""] = process.argv.slice(2);
const targets = [...IMAGE_TARGETS, ...SOURCE_TARGETS, ...TREE_TARGETS, ...TRUST_TARGETS].filter(
  ({ name }) => only === "" || name === only,
);
const weight = targets.reduce((total, target) => total + target.weight, 0);
let done = 0;
let findings = 0;
for (const [index, target] of targets.entries()) {
  const share = Math.ceil((Number(count) * target.weight) / weight);
  const counts = await fuzzTarget(target, {
    count: share,
    seed: Number(seed) * 1000 + index + 1,
    print: (line) => console.log(line),
  });
  findings += counts.findings;
  console.log(JSON.stringify({ finished: target.name, inputs: share, accepted: counts.accepted }));
  done += share;
}
const status = await Bun.file("/proc/self/status").text();
console.log(JSON.stringify({ done, findings, peakKiB: Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) }));
process.exitCode = findings === 0 ? 0 : 1;
