import type { AuditVerdict } from "../../engine/audit-calls.ts";
import { defineCommand } from "../command.ts";

/** `audit check`: is the log whole, unchanged, and what the TPM remembers? */
export const auditCheck = defineCommand({
  details:
    "Reads every record and holds records, tiles, checkpoints and the TPM against each other. Names the first record that is wrong and what was done to it. Ends with 1 when anything was tampered with.",
  args: {},
  flags: {
    vkey: {
      type: "string",
      placeholder: "KEY",
      help: "Verifier key that the log must be signed with, as you wrote it down",
    },
    log: { type: "string", placeholder: "DIR", help: "A copy or an archive of a log instead of this host's" },
    offline: { type: "boolean", help: "Leave the TPM out: for a copy of a log" },
  },
  examples: ["audit check", "audit check --vkey=node1/gantry-audit/…+1234abcd+A… --json"],

  async run({ flags, engine, out, signal }) {
    const input = {
      offline: flags.offline,
      ...(flags.vkey === undefined ? {} : { vkey: flags.vkey }),
      ...(flags.log === undefined ? {} : { log: flags.log }),
    };
    const verdict = await (await engine()).checkAudit(input, { signal });
    out.result(verdict, formatVerdict);
    return verdict.ok ? 0 : 1;
  },
});

function formatVerdict(verdict: AuditVerdict): string {
  const lines = verdict.problems.map(
    ({ kind, record, detail }) => `${record === undefined ? "" : `record ${record}: `}${kind}: ${detail}`,
  );
  const remarks = verdict.remarks.map((remark) => `note: ${remark}`);
  const result = verdict.ok
    ? `ok: ${verdict.size} records, ${verdict.anchor === "anchored" ? `${verdict.anchoredSize} of them anchored in the TPM` : verdict.anchor}`
    : `NOT ok: ${verdict.size} records, anchor: ${verdict.anchor}`;
  return [...lines, ...remarks, result].join("\n");
}
