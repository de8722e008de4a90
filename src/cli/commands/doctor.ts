import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";
import { formatStoreReport } from "../format-problems.ts";

/** `doctor`: what this host can do, and how to get the rest. Exits 7 when something necessary is missing; with --store 1 when damage is left. */
export const doctor = defineCommand({
  args: {},
  flags: {
    store: { type: "boolean", help: "Look through the whole image store instead; reads every blob" },
    repair: { type: "boolean", help: "With --store: remove rubbish, fetch again what is damaged or missing" },
  },
  examples: ["doctor", "doctor --json", "doctor --store --repair"],

  async run({ flags, engine, out, signal }) {
    if (flags.repair && !flags.store)
      throw usageError("Cannot repair the host: only the store can be repaired", "pass --store with --repair");
    const calls = await engine();
    if (flags.store) {
      const report = await calls.checkStoreContent({ repair: flags.repair }, { signal });
      out.result(report, formatStoreReport);
      return report.problems.some(({ repair }) => repair !== "repaired") ? 1 : 0;
    }
    const checks = await calls.doctor({ signal });
    out.result(checks, (all) => {
      const lines = all.flatMap((check) => {
        const line = `${check.state.padEnd(4)}  ${check.name}: ${check.detail}`;
        return check.fix === undefined ? [line] : [line, `      → ${check.fix}`];
      });
      return lines.join("\n");
    });
    return checks.some((check) => check.state === "fail") ? 7 : 0;
  },
});
