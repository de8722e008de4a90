import { defineCommand } from "../command.ts";
import { formatTime } from "../format-values.ts";

/** `attest list`: all nodes at a glance. */
export const attestList = defineCommand({
  details: "Shows what attest serve found last. Ends with 1 when a node is failing.",
  args: {},
  flags: {},
  examples: ["attest list", "attest list --json"],

  async run({ engine, out }) {
    const nodes = await (await engine()).listNodes();
    out.result(nodes, (some) => {
      const rows = some.map((node) => [
        node.name,
        node.state,
        node.problems.map(({ kind }) => kind).join(", "),
        String(node.size),
        formatTime(node.polledAt),
        node.ekTrust,
        node.url,
      ]);
      return out.table(["NODE", "STATE", "PROBLEMS", "RECORDS", "ASKED", "EK TRUST", "ADDRESS"], rows);
    });
    return nodes.some(({ state }) => state === "failing") ? 1 : 0;
  },
});
