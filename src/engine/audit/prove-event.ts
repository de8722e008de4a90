import { AuditError } from "../../audit/errors.ts";
import { findRecord } from "../../audit/log/find-record.ts";
import { ensureLogKey } from "../../audit/log/log-key.ts";
import { CHECKPOINT_FILE, WITNESSED_FILE } from "../../audit/log/log-layout.ts";
import { withLog } from "../../audit/log/open-log.ts";
import { publishCheckpoint } from "../../audit/log/publish.ts";
import { openTreeHashes } from "../../audit/log/tree-hashes.ts";
import { proveInclusion } from "../../audit/merkle/proofs.ts";
import { parseCheckpoint } from "../../audit/note/checkpoint.ts";
import { parseVkey } from "../../audit/note/note-keys.ts";
import { formatTlogProof, parseTlogProof, verifyTlogProof } from "../../audit/note/tlog-proof.ts";
import type { ProofInput, ProvenEvent } from "../audit-calls.ts";
import type { EngineContext } from "../context.ts";
import { type AuditParts, auditParts } from "./audit-parts.ts";

/**
 * `audit prove`: a proof of one record that needs nothing else of the log. With a checkpoint that witnesses have
 * cosigned, if one covers the record, else with the newest.
 * @throws {AuditError} "audit/not-found", "audit/malformed"
 */
export async function proveEvent(ctx: EngineContext, input: { readonly event: string }): Promise<string> {
  const parts = auditParts(ctx);
  publishNow(ctx, parts);
  return proveRecord(parts, input.event);
}

/** Signs the tree as it is now. */
export function publishNow(ctx: EngineContext, { log, hostname }: AuditParts): void {
  const signer = ensureLogKey(ctx.root, hostname);
  withLog(log, (appender) => publishCheckpoint(log.files, appender, signer), { sync: true });
}

function proveRecord({ log }: AuditParts, event: string): string {
  const { files } = log;
  const { recnum, line } = findRecord(files, event);
  for (const name of [WITNESSED_FILE, CHECKPOINT_FILE]) {
    if (!files.has(name)) continue;
    const checkpoint = files.readText(name);
    const { size } = parseCheckpoint(checkpoint);
    if (size <= recnum) continue;
    const hashes = proveInclusion(openTreeHashes(files, size), recnum, size);
    return formatTlogProof({ index: recnum, hashes, extra: line, checkpoint });
  }
  throw new AuditError("audit/not-found", `Cannot prove record ${recnum}: no checkpoint covers it yet`, {
    hint: "try again in a moment",
  });
}

/**
 * `audit verify-proof`: needs no log and no state of this host.
 * @throws {AuditError} "audit/malformed", "audit/not-proven"
 */
export async function verifyProof(input: ProofInput): Promise<ProvenEvent> {
  const keys = { log: parseVkey(input.vkey), witnesses: input.witnessKeys.map(parseVkey) };
  const given = input.record === undefined ? undefined : new TextEncoder().encode(input.record.replace(/\n$/, ""));
  const proven = verifyTlogProof(parseTlogProof(input.proof), keys, given);
  const missing = keys.witnesses.find(({ name }) => !proven.witnesses.includes(name));
  if (missing !== undefined) {
    throw new AuditError(
      "audit/not-proven",
      `Cannot prove record ${proven.index}: witness ${missing.name} has not cosigned it`,
      {
        hint: "let the witness see the log: gantry audit witness URL",
      },
    );
  }
  const { origin, size } = proven.checkpoint;
  return {
    index: proven.index,
    origin,
    size,
    witnesses: proven.witnesses,
    record: new TextDecoder().decode(proven.entry),
  };
}
