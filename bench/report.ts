import type { Outcome } from "./measure.ts";

/** The outcome as a Markdown table, for terminals and for docs/benchmarks.md alike. */
export function formatOutcome(outcome: Outcome): string {
  const rows = outcome.measured.map(({ contender, samples, median, ratio }) => [
    contender,
    show(median),
    show(Math.min(...samples)),
    show(Math.max(...samples)),
    ratio.toFixed(2),
  ]);
  const goals = outcome.goals.map(
    (goal) =>
      `- ${goal.isReached ? "reached" : "MISSED"}: ${goal.goal}: ${show(goal.value)} ${goal.unit} (at most ${goal.limit} ${goal.unit})`,
  );
  return [
    `### ${outcome.title}`,
    "",
    ...table([["", `median ${outcome.unit}`, "least", "most", "ratio"], ...rows]),
    "",
    `${outcome.rounds} rounds.`,
    ...goals,
    "",
  ].join("\n");
}

function show(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

function table(rows: readonly (readonly string[])[]): string[] {
  const [head = []] = rows;
  const widths = head.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(" | ")} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [line(head), rule, ...rows.slice(1).map(line)];
}
