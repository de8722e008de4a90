import { defineCommand } from "../command.ts";
import { formatDigest } from "../format-values.ts";

/** `stage1 list`: the isolation regimes, and what this host can do with them. */
export const stage1List = defineCommand({
  args: {},
  flags: {},
  examples: ["stage1 list"],

  async run({ engine, out, signal }) {
    const calls = await engine();
    out.result(await calls.listStage1({ signal }), (all) => {
      const rows = all.map((one) => [
        one.regime,
        one.state,
        one.needsImage ? (one.digest === undefined ? "not built" : formatDigest(one.digest)) : "-",
        one.fix === undefined ? one.host : `${one.host}; ${one.fix}`,
        one.isolates.join(", "),
        one.cost,
      ]);
      return out.table(["REGIME", "HERE", "IMAGE", "STANDS ON", "ISOLATES", "COST"], rows);
    });
    return undefined;
  },
});
