import { defineCommand } from "../command.ts";

/** `audit prove`: one record, provable without the rest. */
export const auditProve = defineCommand({
  details:
    "Prints a C2SP tlog-proof with the record in it: with the log's key it proves that the record is in the log, and says nothing of any other record.",
  args: { event: { help: "Number of the record, or the beginning of its digest" } },
  flags: { out: { type: "string", short: "o", placeholder: "FILE", help: "Write the proof to this file" } },
  examples: ["audit prove 17 -o start.tlog-proof"],

  async run({ args, flags, engine, out, signal }) {
    const calls = await engine();
    const proof = await calls.proveEvent({ event: args.event }, { signal });
    if (flags.out === undefined) out.bytes("stdout", proof);
    else calls.writeFile({ path: flags.out, bytes: new TextEncoder().encode(proof) });
    return undefined;
  },
});
