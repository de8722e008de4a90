import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";

const MAX_FILE_BYTES = 1024 * 1024;

/** `audit verify-proof`: the other end of `audit prove`, on any machine. */
export const auditVerifyProof = defineCommand({
  args: { file: { help: "Proof made by audit prove" } },
  flags: {
    vkey: { type: "string", placeholder: "KEY", help: "Verifier key of the log" },
    "witness-key": { type: "strings", placeholder: "KEY", help: "Key of a witness that must have cosigned" },
    record: { type: "string", placeholder: "FILE", help: "The record to prove; default: the one in the proof" },
  },
  examples: ["audit verify-proof start.tlog-proof --vkey=node1/gantry-audit/…+1234abcd+A…"],

  async run({ args, flags, engine, out, host, signal }) {
    if (flags.vkey === undefined) throw usageError("Cannot verify a proof without the log's key", "add --vkey KEY");
    const proof = await host.readTextFile(args.file, MAX_FILE_BYTES);
    const record = flags.record === undefined ? {} : { record: await host.readTextFile(flags.record, MAX_FILE_BYTES) };
    const input = { proof, vkey: flags.vkey, witnessKeys: flags["witness-key"], ...record };
    const proven = await (await engine()).verifyProof(input, { signal });
    out.result(proven, ({ index, origin, size, witnesses, record: line }) => {
      const cosigned = witnesses.length === 0 ? "" : `, cosigned by ${witnesses.join(", ")}`;
      return `record ${index} of ${size} in the log of ${origin}${cosigned}:\n${line}`;
    });
    return undefined;
  },
});
