import { defineCommand } from "../command.ts";

/** `doctor`: what this host can do, and how to get the rest. Exits 7 when something necessary is missing. */
export const doctor = defineCommand({
  args: {},
  flags: {},
  examples: ["doctor", "doctor --json"],

  async run({ engine, out, signal }) {
    const calls = await engine();
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
