import { defineCommand } from "../command.ts";

/** `net check`: whether the networks can be joined, and the attachments are as they were made. Exits 1 when not. */
export const netCheck = defineCommand({
  args: {},
  flags: {},
  examples: ["net check"],

  async run({ engine, out, signal }) {
    const calls = await engine();
    const checks = await calls.checkNetworks({ signal });
    out.result(checks, (some) =>
      out.table(
        ["NAME", "STATE", "DETAIL"],
        some.map((one) => [one.name, one.state, one.detail]),
      ),
    );
    return checks.some((check) => check.state === "fail") ? 1 : 0;
  },
});
