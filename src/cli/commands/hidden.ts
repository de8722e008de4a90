import { defineCommand } from "../command.ts";

/** Largest job read from stdin, in bytes. */
const JOB_LIMIT = 16 << 20;

/** `__unpack`: one unpacking job, described on stdin, in a process of its own. */
export const unpack = defineCommand({
  args: {},
  flags: {},
  examples: [],
  async run({ engine, host, signal }) {
    const payload = await host.readStdin(JOB_LIMIT);
    return (await engine()).unpackJob({ payload }, { signal });
  },
});

/** `__stage1`: work a regime does in a process of its own. */
export const stage1Helper = defineCommand({
  args: { argument: { help: "Made by the engine", raw: true, optional: true } },
  flags: {},
  examples: [],
  passesAppCode: true,
  async run({ args, engine, signal }) {
    return (await engine()).stage1Helper({ argv: args.argument }, { signal });
  },
});
