import type { StoreProblem, StoreReport } from "../engine/image-calls.ts";

/** One line per problem, and what became of it. */
export function formatProblem({ what, problem, repair, reason }: StoreProblem): string {
  const outcome = { none: "", repaired: " (repaired)", failed: ` (not repaired: ${reason ?? "unknown"})` };
  return `${what}: ${problem}${outcome[repair]}`;
}

/** The problems and one line about the whole. */
export function formatStoreReport(report: StoreReport): string {
  const { blobs, layers, names, problems } = report;
  const left = problems.filter(({ repair }) => repair !== "repaired").length;
  const state = left === 0 ? "all good" : `${left} problems; gantry doctor --store --repair repairs what it can`;
  return [...problems.map(formatProblem), `${names} names, ${blobs} blobs, ${layers} layers: ${state}`].join("\n");
}
