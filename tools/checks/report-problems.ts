import type { Problem } from "./source-file.ts";

/** Prints findings as `file:line: text` and ends the check: exit code 1 when there are any. */
export function reportProblems(check: string, problems: readonly Problem[], summary: string): void {
  for (const problem of problems) console.error(`${problem.path}:${problem.line}: ${problem.text}`);
  if (problems.length > 0) {
    console.error(`${check}: ${problems.length} problem${problems.length === 1 ? "" : "s"}`);
    process.exitCode = 1;
  } else {
    console.log(`${check}: ${summary}`);
  }
}
