import type { AuditIdentity } from "../../engine/audit-calls.ts";
import { defineCommand } from "../command.ts";

const MAX_PASSWORD_BYTES = 1024;

/** `audit init`: makes what the log is signed with and anchored in. */
export const auditInit = defineCommand({
  details:
    "Makes the log's signing key and, in the TPM, an attestation key and an index of its own. Repeating it changes nothing. Write down what it prints, on another machine: with it, a log that was replaced as a whole is recognised.",
  args: {},
  flags: {
    force: {
      type: "boolean",
      help: "Begin a new index, also when there is one: after the TPM was cleared or exchanged",
    },
    "owner-auth-file": { type: "string", placeholder: "FILE", help: "File with the password of the TPM's owner" },
  },
  examples: ["audit init", "audit init --json > identity.json"],

  async run({ flags, engine, out, host, signal }) {
    const file = flags["owner-auth-file"];
    const ownerAuth = file === undefined ? "" : (await host.readTextFile(file, MAX_PASSWORD_BYTES)).replace(/\n$/, "");
    const identity = await (await engine()).initAudit({ force: flags.force, ownerAuth }, { signal });
    out.result(identity, formatIdentity);
    return undefined;
  },
});

function formatIdentity({ vkey, anchor }: AuditIdentity): string {
  if (anchor === undefined) return `log key   ${vkey}\nunanchored: there is no TPM, or none is wanted`;
  return [
    `log key   ${vkey}`,
    `index     0x${anchor.nvIndex.toString(16)}`,
    `its name  ${anchor.nvName}`,
    `counter   ${anchor.counter}`,
    `AK name   ${anchor.akName}`,
    `EK hash   ${anchor.ekHash}`,
  ].join("\n");
}
