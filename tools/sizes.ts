// Small files stay small: median at most 100 lines, nine of ten at most 250, none above 400.
// Functions are measured by Biome (noExcessiveLinesPerFunction).
import { reportProblems } from "./checks/report-problems.ts";
import { type Problem, readSources } from "./checks/source-file.ts";

const LIMITS = { median: 100, p90: 250, hard: 400 };

const files = await readSources(new URL("..", import.meta.url).pathname, ["src", "test", "tools", "bench"]);
const sizes = files
  .filter((file) => !file.path.includes("/gen/"))
  .map((file) => ({ path: file.path, lines: file.text.trimEnd().split("\n").length }));

function share(paths: (path: string) => boolean, part: number): number {
  const lines = sizes
    .filter((file) => paths(file.path))
    .map((file) => file.lines)
    .sort((a, b) => a - b);
  return lines[Math.min(lines.length - 1, Math.floor(lines.length * part))] ?? 0;
}

const production = (path: string): boolean => path.startsWith("src/") && !path.endsWith(".test.ts");
const median = share(production, 0.5);
const p90 = share(production, 0.9);
const problems: Problem[] = sizes
  .filter((file) => file.lines > LIMITS.hard)
  .map((file) => ({
    path: file.path,
    line: LIMITS.hard,
    text: `has ${file.lines} lines, the limit is ${LIMITS.hard}`,
  }));
if (median > LIMITS.median)
  problems.push({ path: "src", line: 1, text: `median file has ${median} lines, wanted ${LIMITS.median}` });
if (p90 > LIMITS.p90)
  problems.push({ path: "src", line: 1, text: `one file in ten has ${p90} lines or more, wanted ${LIMITS.p90}` });
reportProblems(
  "sizes",
  problems,
  `median ${median}, p90 ${p90}, largest ${Math.max(0, ...sizes.map((file) => file.lines))}`,
);
