import { defineCommand } from "../command.ts";

const DEFAULT_KEEP = 65_536;

/** `audit archive`: old records go elsewhere and still check. */
export const auditArchive = defineCommand({
  details:
    "Moves the oldest records, in files of 65536, with their tiles to a directory that is a whole log of its own: gantry audit check --log DIR and any C2SP client check it. Repeating it with the same directory continues there. Records since the index in the TPM was made stay; a new one is made with audit init --force.",
  args: { directory: { help: "Where to; made when missing" } },
  flags: { keep: { type: "integer", placeholder: "COUNT", help: "Newest records to keep here (default 65536)" } },
  examples: ["audit archive /srv/audit-2027"],

  async run({ args, flags, engine, out, signal }) {
    const input = { directory: args.directory, keep: Math.max(0, flags.keep ?? DEFAULT_KEEP) };
    const result = await (await engine()).archiveLog(input, { signal });
    out.result(result, ({ first, moved }) => `${moved} records moved, the log begins with record ${first}`);
    return undefined;
  },
});
