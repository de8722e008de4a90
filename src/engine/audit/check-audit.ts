import { checkLog } from "../../audit/check/check-log.ts";
import { AUDIT_DIR } from "../../audit/log/log-layout.ts";
import { parseVkey } from "../../audit/note/note-keys.ts";
import type { EngineContext } from "../context.ts";
import type { AuditCheckInput, AuditVerdict } from "../engine-calls.ts";

/**
 * `audit check`: records, tiles, checkpoints and anchor against each other.
 * @throws {AuditError} "audit/malformed" for a verifier key that is none
 */
export async function checkAudit(ctx: EngineContext, input: AuditCheckInput): Promise<AuditVerdict> {
  const demanded = input.vkey === undefined ? undefined : parseVkey(input.vkey);
  const log = checkLog(ctx.root.sub(AUDIT_DIR), demanded);
  const problems = [...log.problems];
  const verdict: AuditVerdict = {
    ok: problems.length === 0,
    size: log.head.size,
    root: Buffer.from(log.head.root).toString("base64"),
    anchor: "unanchored",
    anchoredSize: 0,
    problems,
    remarks: log.remarks,
  };
  return verdict;
}
