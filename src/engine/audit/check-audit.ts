import { type AnchorCheck, checkAnchor } from "../../audit/check/check-anchor.ts";
import { checkLog } from "../../audit/check/check-log.ts";
import { parseVkey } from "../../audit/note/note-keys.ts";
import { openFiles } from "../../sys/linux/files.ts";
import type { AuditCheckInput, AuditVerdict } from "../audit-calls.ts";
import type { EngineContext } from "../context.ts";
import { openUserPath } from "../user-path.ts";
import { auditParts } from "./audit-parts.ts";
import { readAnchorNow } from "./read-anchor.ts";

/**
 * `audit check`: records, tiles, checkpoints and anchor against each other.
 * @throws {AuditError} "audit/malformed" for a verifier key that is none
 */
export async function checkAudit(ctx: EngineContext, input: AuditCheckInput): Promise<AuditVerdict> {
  const demanded = input.vkey === undefined ? undefined : parseVkey(input.vkey);
  const parts = auditParts(ctx);
  // The anchor first: what is appended while the log is read is newer than it, never older.
  const isOffline = input.offline || input.log !== undefined;
  const reading = isOffline ? undefined : await readAnchorNow(ctx, parts);
  const log = checkLog(input.log === undefined ? parts.log.files : openFiles(openUserPath(input.log).path), demanded);
  const anchor: AnchorCheck =
    reading === undefined
      ? { state: "not checked", anchoredSize: 0, problems: [], remarks: [] }
      : checkAnchor(log.steps, reading);
  // With records missing the anchor cannot fit: the first finding tells it better.
  const problems = [...log.problems, ...anchor.problems];
  const root = Buffer.from(log.head.root).toString("base64");
  // A log that was tampered with is evidence: nothing is added to it here.
  if (problems.length === 0 && !isOffline) {
    const checked = { size: log.head.size, root: Buffer.from(log.head.root).toString("hex"), problems: [] };
    ctx.events.report({ type: "audit.checked", ...checked });
  }
  return {
    ok: problems.length === 0,
    size: log.head.size,
    root,
    anchor: anchor.state,
    anchoredSize: anchor.anchoredSize,
    problems,
    remarks: [...log.remarks, ...anchor.remarks],
  };
}
