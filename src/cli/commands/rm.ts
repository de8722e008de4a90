import { defineCommand } from "../command.ts";

/** `rm`: removes pods that do not run, with everything they have written. */
export const rm = defineCommand({
  args: { pod: { help: "UUIDs, their beginnings, or names", many: true } },
  flags: { force: { type: "boolean", short: "f", help: "Kill the pod first if it runs" } },
  examples: ["rm web", "rm --force 5d1c"],

  async run({ args, flags, engine, out, signal }) {
    const calls = await engine();
    out.result(await calls.removePods({ pods: args.pod, force: flags.force }, { signal }), (uuids) => uuids.join("\n"));
    return undefined;
  },
});
