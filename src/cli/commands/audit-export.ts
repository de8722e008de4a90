import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";

const FORMATS = ["jsonl", "cel", "journald"] as const;

/** `audit export`: all records for other programs. */
export const auditExport = defineCommand({
  details:
    "jsonl: one record a line, byte for byte as hashed. cel: one JSON array of records, as the TCG Canonical Event Log has it. journald: systemd's export format, for systemd-journal-remote.",
  args: {},
  flags: { format: { type: "string", placeholder: "FORMAT", help: "jsonl (default), cel or journald" } },
  examples: ["audit export > events.jsonl", "audit export --format=journald | systemd-journal-remote -o out.journal -"],

  async run({ flags, engine, out, signal }) {
    const format = FORMATS.find((name) => name === (flags.format ?? "jsonl"));
    if (format === undefined)
      throw usageError(`Cannot export as "${flags.format}": no such format`, `use one of ${FORMATS.join(", ")}`);
    for await (const text of (await engine()).exportEvents({ format }, { signal })) out.bytes("stdout", text);
    return undefined;
  },
});
