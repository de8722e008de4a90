import type { ResourceUse } from "../../pod/stage1-contract.ts";
import { defineCommand } from "../command.ts";
import { formatBytes } from "../format-values.ts";

/** `stats`: what running pods use now. */
export const stats = defineCommand({
  args: { pod: { help: "UUIDs, their beginnings, or names (default: all that run)", many: true, optional: true } },
  flags: {},
  details: "One look, not a display: processor time is what was used since the start.",
  examples: ["stats", "stats --json web"],

  async run({ args, engine, out, signal }) {
    const calls = await engine();
    out.result(await calls.podStats({ pods: args.pod }, { signal }), (pods) => {
      const rows = pods.flatMap(({ uuid, name, pod, apps }) => [
        [name ?? uuid.slice(0, 8), "-", ...cells(pod)],
        ...(Object.keys(apps).length < 2 ? [] : Object.entries(apps)).map(([app, use]) => ["", app, ...cells(use)]),
      ]);
      return out.table(["POD", "APP", "MEMORY", "PEAK", "LIMIT", "CPU", "PIDS"], rows);
    });
    return undefined;
  },
});

function cells({ memoryBytes, memoryPeakBytes, limits, cpuNanos, pids }: ResourceUse): string[] {
  const size = (bytes: number | undefined) => (bytes === undefined ? "-" : formatBytes(bytes));
  return [
    size(memoryBytes),
    size(memoryPeakBytes),
    size(limits?.memoryBytes),
    cpuNanos === undefined ? "-" : `${(cpuNanos / 1e9).toFixed(2)} s`,
    String(pids ?? "-"),
  ];
}
