import { defineCommand } from "../command.ts";

/** `attest remove`: the end of an enrolment. */
export const attestRemove = defineCommand({
  details: "The node is not asked any more. What is kept of its log stays, and is still searched by attest where.",
  args: { name: { help: "Name of the node" } },
  flags: {},
  examples: ["attest remove node1"],

  async run({ args, engine, out }) {
    await (await engine()).removeNode({ name: args.name });
    out.result({ removed: args.name }, ({ removed }) => removed);
    return undefined;
  },
});
