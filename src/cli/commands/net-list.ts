import { defineCommand } from "../command.ts";

/** `net list`: networks a pod may join. */
export const netList = defineCommand({
  args: {},
  flags: {},
  examples: ["net list"],

  async run({ engine, out, signal }) {
    const calls = await engine();
    out.result(await calls.listNetworks({ signal }), (nets) => {
      return out.table(
        ["NAME", "PLUGINS", "CNI", "FROM"],
        nets.map((net) => [net.name, net.plugins.join(","), net.cniVersion, net.from]),
      );
    });
    return undefined;
  },
});
