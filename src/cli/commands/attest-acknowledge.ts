import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";

/** `attest acknowledge`: what happened cannot be undone, but it can be dealt with. */
export const attestAcknowledge = defineCommand({
  details:
    "Marks what the policy found on a node as seen, so that the node is ok again from the next look on. Tampering cannot be acknowledged: enroll the node anew.",
  args: { name: { help: "Name of the node" } },
  flags: {
    through: { type: "integer", placeholder: "RECORD", help: "Only findings up to this record (default: all)" },
    reason: { type: "string", placeholder: "TEXT", help: "Why it is accepted; kept with the findings" },
  },
  examples: ['attest acknowledge node1 --through=41 --reason="test image, ticket 8372"'],

  async run({ args, flags, engine, out }) {
    if (flags.reason === undefined || flags.reason.trim() === "")
      throw usageError("Cannot acknowledge without a reason", "add --reason TEXT");
    const through = flags.through === undefined ? {} : { through: flags.through };
    const result = await (await engine()).acknowledgeFindings({ name: args.name, reason: flags.reason, ...through });
    out.result(result, ({ acknowledged }) => `${acknowledged} findings acknowledged`);
    return undefined;
  },
});
