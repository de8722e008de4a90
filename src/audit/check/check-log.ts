import { formatReason } from "../../base/errors.ts";
import type { Files } from "../../sys/host.ts";
import { AuditError } from "../errors.ts";
import { CHECKPOINT_FILE, VKEY_FILE, WITNESSED_FILE } from "../log/log-layout.ts";
import { readLogEnd } from "../log/log-state.ts";
import { isSameHash } from "../merkle/hash.ts";
import { type Checkpoint, parseCheckpoint, verifyCheckpoint } from "../note/checkpoint.ts";
import { formatVkey, type NoteVerifier, parseVkey } from "../note/note-keys.ts";
import type { Problem } from "./problems.ts";
import { type RecordScan, scanRecords } from "./scan-records.ts";

/** The whole log as it was found, and everything wrong with it that needs no TPM to see. */
export interface LogCheck extends Omit<RecordScan, "roots"> {
  readonly key: NoteVerifier | undefined;
}

/**
 * Checks records, tiles and checkpoints against each other. Takes no lock and writes nothing, so that it may run beside
 * writers, on a copy, and on a read-only disk. `key` is a verifier key kept elsewhere; default: the one in the log.
 */
export function checkLog(files: Files, demanded?: NoteVerifier): LogCheck {
  const problems: Problem[] = [];
  const named = readVkeyFile(files, problems);
  const key = demanded ?? named;
  if (demanded !== undefined && named !== undefined && formatVkey(demanded) !== formatVkey(named)) {
    problems.push({ kind: "other-log", detail: `this is the log of ${named.name}, not of ${demanded.name}` });
  }
  const noted = readLogEnd(files)?.frontier.size ?? 0;
  const checkpoints = [CHECKPOINT_FILE, WITNESSED_FILE].flatMap((name) =>
    readCheckpoint(files, { name, key, problems }),
  );
  const rootsAt = new Set(checkpoints.map(({ size }) => size));
  const scan = scanRecords(files, { rootsAt, published: checkpoints[0] });
  const isScanWhole = scan.problems.length === 0;
  problems.push(...scan.problems);
  for (const checkpoint of checkpoints) problems.push(...compareCheckpoint(checkpoint, scan, isScanWhole));
  if (noted > scan.head.size && !problems.some(({ kind }) => kind === "truncated")) {
    problems.push(truncated(scan.head.size, `${noted} records were here before`));
  }
  const remarks = [...scan.remarks];
  const behind = scan.head.size - (checkpoints[0]?.size ?? 0);
  if (behind > 0) remarks.push(`${behind} records are newer than the checkpoint`);
  return { head: scan.head, steps: scan.steps, problems, remarks, key };
}

function compareCheckpoint(checkpoint: Checkpoint, scan: RecordScan, isScanWhole: boolean): Problem[] {
  const { size, root } = checkpoint;
  if (size > scan.head.size) {
    return isScanWhole ? [truncated(scan.head.size, `the signed checkpoint covers ${size} records`)] : [];
  }
  const found = scan.roots.get(size);
  if (size === 0 || found === undefined || isSameHash(found, root)) return [];
  return [
    {
      ...(scan.problems[0]?.record === undefined ? {} : { record: scan.problems[0].record }),
      kind: "history-rewritten",
      detail: `the first ${size} records are not those that the checkpoint was signed over`,
    },
  ];
}

function readCheckpoint(
  files: Files,
  at: { readonly name: string; readonly key: NoteVerifier | undefined; readonly problems: Problem[] },
): Checkpoint[] {
  if (!files.has(at.name)) return [];
  try {
    const text = files.readText(at.name);
    return [at.key === undefined ? parseCheckpoint(text) : verifyCheckpoint(text, at.key)];
  } catch (reason) {
    if (!(reason instanceof AuditError)) throw reason;
    const kind = reason.code === "audit/malformed" ? "checkpoint-malformed" : "checkpoint-forged";
    at.problems.push({ kind, detail: formatReason(reason) });
    return [];
  }
}

function readVkeyFile(files: Files, problems: Problem[]): NoteVerifier | undefined {
  if (!files.has(VKEY_FILE)) return undefined;
  try {
    return parseVkey(files.readText(VKEY_FILE, 4096));
  } catch (reason) {
    if (!(reason instanceof AuditError)) throw reason;
    problems.push({ kind: "checkpoint-forged", detail: formatReason(reason) });
    return undefined;
  }
}

function truncated(record: number, why: string): Problem {
  return { record, kind: "truncated", detail: `the log ends before record ${record}, but ${why}` };
}
