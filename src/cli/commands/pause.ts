import { defineCommand } from "../command.ts";

const ARGS = { pod: { help: "UUIDs, their beginnings, or names", many: true } } as const;

/** `pause`: halts every process of pods where it is. */
export const pause = defineCommand({
  args: ARGS,
  flags: {},
  examples: ["pause web"],
  async run({ args, engine, out, signal }) {
    const calls = await engine();
    out.result(await calls.setPodsPaused({ pods: args.pod, paused: true }, { signal }), (ids) => ids.join("\n"));
    return undefined;
  },
});

/** `resume`: lets paused pods go on. */
export const resume = defineCommand({
  args: ARGS,
  flags: {},
  examples: ["resume web"],
  async run({ args, engine, out, signal }) {
    const calls = await engine();
    out.result(await calls.setPodsPaused({ pods: args.pod, paused: false }, { signal }), (ids) => ids.join("\n"));
    return undefined;
  },
});
