import { defineCommand } from "../command.ts";

/** `stop`: asks the apps to end, then makes them. */
export const stop = defineCommand({
  isBrief: true,
  args: { pod: { help: "UUIDs, their beginnings, or names", many: true } },
  flags: {
    force: { type: "boolean", help: "Kill at once" },
    time: {
      type: "duration",
      short: "t",
      aliases: ["timeout"],
      placeholder: "DURATION",
      help: "How long to wait before killing (default 10s)",
    },
  },
  examples: ["stop web", "stop --time=1m web db", "stop --force 5d1c"],

  async run({ args, flags, engine, out, signal }) {
    const calls = await engine();
    const stopped = await calls.stopPods(
      { pods: args.pod, force: flags.force, timeoutMs: flags.time ?? 10_000 },
      { signal },
    );
    out.result(stopped, (pods) =>
      pods.map(({ pod, result }) => (result === "stopped" ? pod : `${pod}  had exited already`)).join("\n"),
    );
    return undefined;
  },
});
