import { readAnchorSteps } from "../../audit/anchor/anchor-steps.ts";
import { checkLog } from "../../audit/check/check-log.ts";
import { AuditError } from "../../audit/errors.ts";
import { ensureLogKey } from "../../audit/log/log-key.ts";
import { CHECKPOINT_FILE, MINIMUM_FILE, SEGMENT_RECORDS, segmentPath, VKEY_FILE } from "../../audit/log/log-layout.ts";
import { withLog } from "../../audit/log/open-log.ts";
import { prunedFrontier, readMinimum } from "../../audit/log/pruning.ts";
import { publishCheckpoint } from "../../audit/log/publish.ts";
import { edgeTiles, TILE_WIDTH, tilePath } from "../../audit/log/tile-path.ts";
import { signCheckpoint } from "../../audit/note/checkpoint.ts";
import type { Files } from "../../sys/host.ts";
import { openFiles } from "../../sys/linux/files.ts";
import type { AuditArchived, AuditArchiveInput } from "../audit-calls.ts";
import type { EngineContext } from "../context.ts";
import { openUserPath } from "../user-path.ts";
import { auditParts } from "./audit-parts.ts";
import { publishNow } from "./prove-event.ts";

const MAX_TILE_BYTES = TILE_WIDTH * (65_535 + 2);
/** Levels whose tiles belong to one file of lines alone. Those above stay: proofs and the tree need them. */
const OWN_LEVELS = ["entries", 0, 1] as const;

/**
 * `audit archive`: moves the oldest whole files of the log, with their tiles, to another directory. That directory is a
 * log of its own, signed at its end, and checks as one. Spec: C2SP tlog-tiles v1, "Pruning".
 * Nothing is removed here before the copy has been synced and checked.
 * @throws {AuditError} "audit/tampered" when the copy does not check
 */
export async function archiveLog(ctx: EngineContext, input: AuditArchiveInput): Promise<AuditArchived> {
  const parts = auditParts(ctx);
  const { files } = parts.log;
  publishNow(ctx, parts);
  const archive = openFiles(openUserPath(input.directory).path);
  const signer = ensureLogKey(ctx.root, parts.hostname);
  const move = (size: number): AuditArchived => {
    const before = readMinimum(files);
    const first = firstToKeep(files, { size, keep: input.keep });
    if (first <= before) return { first: before, moved: 0 };
    if (!archive.has(CHECKPOINT_FILE) && before > 0) writeMinimum(archive, before);
    for (let start = before; start < first; start += SEGMENT_RECORDS) copySegment(files, archive, start);
    copyEdge(files, archive, first);
    archive.writeAtomic(VKEY_FILE, files.readBytes(VKEY_FILE, 4096));
    const head = { size: first, root: prunedFrontier(files, first).root() };
    archive.writeAtomic(CHECKPOINT_FILE, signCheckpoint(signer, head));
    assertWhole(archive, first);
    writeMinimum(files, first);
    for (let start = before; start < first; start += SEGMENT_RECORDS) removeSegment(files, start);
    return { first, moved: first - before };
  };
  const result = withLog(parts.log, (log) => move(log.head.size), { sync: true });
  if (result.moved === 0) return result;
  ctx.events.report({ type: "audit.archived", first: result.first, to: archive.root });
  withLog(parts.log, (log) => publishCheckpoint(files, log, signer), { sync: true });
  return result;
}

/** Whole files only; and never the birth of the index in use, from which everything in the TPM is accounted for. */
function firstToKeep(files: Files, { size, keep }: { readonly size: number; readonly keep: number }): number {
  const birth = readAnchorSteps(files).findLast((step) => step.facts !== undefined)?.recnum;
  const limit = Math.min(size - keep, birth ?? size);
  return Math.max(0, Math.floor(limit / SEGMENT_RECORDS) * SEGMENT_RECORDS);
}

function tilesOf(start: number): string[] {
  return OWN_LEVELS.flatMap((level) => {
    const span = level === 1 ? SEGMENT_RECORDS : TILE_WIDTH;
    const count = SEGMENT_RECORDS / span;
    return Array.from({ length: count }, (_, at) => tilePath(level, start / span + at, TILE_WIDTH));
  });
}

function copySegment(from: Files, to: Files, start: number): void {
  using temp = to.createTemp();
  for (const chunk of from.readChunks(segmentPath(start))) temp.write(chunk);
  temp.commit(segmentPath(start));
  for (const path of tilesOf(start)) to.writeAtomic(path, from.readBytes(path, MAX_TILE_BYTES));
}

function removeSegment(files: Files, start: number): void {
  files.remove(segmentPath(start));
  for (const path of tilesOf(start)) files.remove(path);
}

/** The tiles above, as wide as the archive's tree needs them. */
function copyEdge(from: Files, to: Files, size: number): void {
  for (const { level, index, width } of edgeTiles(size)) {
    if (level < 2) continue;
    const full = tilePath(level, index, TILE_WIDTH);
    const path = tilePath(level, index, width);
    const source = from.has(full) ? full : path;
    to.writeAtomic(path, from.readBytes(source, TILE_WIDTH * 32).subarray(0, width * 32));
  }
}

function writeMinimum(files: Files, first: number): void {
  files.writeAtomic(MINIMUM_FILE, JSON.stringify({ first }));
}

function assertWhole(archive: Files, size: number): void {
  const { problems, head } = checkLog(archive);
  const [problem] = problems;
  if (problem === undefined && head.size === size) return;
  const why = problem === undefined ? `it ends at ${head.size}` : `${problem.kind}: ${problem.detail}`;
  throw new AuditError("audit/tampered", `Cannot archive to "${archive.root}": the copy does not check, ${why}`, {
    hint: "look at the log first: gantry audit check; or begin another directory",
  });
}
