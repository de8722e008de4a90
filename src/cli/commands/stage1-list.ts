import { defineCommand } from "../command.ts";
import { formatBytes, formatDigest, formatTime } from "../format-values.ts";

/** `stage1 list`: the isolation regimes, built or not. */
export const stage1List = defineCommand({
  args: {},
  flags: {},
  examples: ["stage1 list"],

  async run({ engine, out, signal }) {
    const calls = await engine();
    out.result(await calls.listStage1({ signal }), (all) => {
      const rows = all.map((one) => [
        one.regime,
        one.digest === undefined ? "not built" : formatDigest(one.digest),
        formatTime(one.builtAt),
        one.sizeBytes === undefined ? "-" : formatBytes(one.sizeBytes),
        one.detail,
      ]);
      return out.table(["REGIME", "DIGEST", "BUILT", "SIZE", "DETAIL"], rows);
    });
    return undefined;
  },
});
