import { defineCommand } from "../command.ts";

/** `gc`: removes what exited pods, and commands that were cut short, left behind. */
export const gc = defineCommand({
  args: {},
  flags: {
    "grace-period": {
      type: "duration",
      placeholder: "DURATION",
      help: "Keep pods that exited less than this ago (default 30m)",
    },
    "expire-prepared": {
      type: "duration",
      placeholder: "DURATION",
      help: "Remove prepared pods never started for this long (default 24h)",
    },
    "mark-only": { type: "boolean", help: "Mark exited pods as garbage, remove nothing" },
    "dry-run": { type: "boolean", help: "Say what would be done" },
  },
  examples: ["gc", "gc --grace-period=0s", "gc --dry-run --json"],

  async run({ flags, engine, out, signal }) {
    const calls = await engine();
    const input = {
      graceMs: flags["grace-period"] ?? 30 * 60_000,
      expirePreparedMs: flags["expire-prepared"] ?? 24 * 3_600_000,
      markOnly: flags["mark-only"],
      dryRun: flags["dry-run"],
    };
    out.result(await calls.gcPods(input, { signal }), ({ marked, removed }) => {
      return [...marked.map((uuid) => `marked  ${uuid}`), ...removed.map((uuid) => `removed ${uuid}`)].join("\n");
    });
    return undefined;
  },
});
