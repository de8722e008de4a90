import { defineCommand } from "../command.ts";

/** `version`: which Gantry this is. `main.ts` answers the plain form itself. */
export const version = defineCommand({
  args: {},
  flags: {},
  examples: ["version", "version --json"],

  run({ out, host }) {
    out.result(host.version, ({ version: number, commit }) => `gantry ${number}${commit === "" ? "" : ` (${commit})`}`);
    return Promise.resolve(undefined);
  },
});
