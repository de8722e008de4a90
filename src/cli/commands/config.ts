import { defineCommand } from "../command.ts";

/** `config`: what counts after all layers of configuration, flags and environment. */
export const config = defineCommand({
  args: {},
  flags: {},
  examples: ["config"],

  async run({ engine, out, signal }) {
    const calls = await engine();
    out.result(await calls.effectiveConfig({ signal }), (value) => JSON.stringify(value, undefined, 2));
    return undefined;
  },
});
