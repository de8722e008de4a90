import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";

/** `audit witness`: somebody else remembers how far the log was. */
export const auditWitness = defineCommand({
  details:
    "Shows the newest checkpoint to a C2SP witness and keeps its cosignature. From then on a log that is set back behind it is found out, also when log, key and TPM are all in one hand. The witness must know this log's key.",
  args: { url: { help: "Submission prefix of the witness" } },
  flags: { key: { type: "string", placeholder: "KEY", help: "Verifier key of the witness" } },
  examples: ["audit witness https://witness.example.com --key=witness.example.com+1234abcd+B…"],

  async run({ args, flags, engine, out, signal }) {
    if (flags.key === undefined) throw usageError("Cannot believe a witness without its key", "add --key KEY");
    const seen = await (await engine()).witnessLog({ url: args.url, key: flags.key }, { signal });
    out.result(seen, ({ size, witness }) => `${witness} has cosigned ${size} records`);
    return undefined;
  },
});
