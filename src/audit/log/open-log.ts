import type { Files } from "../../sys/host.ts";
import { AuditError } from "../errors.ts";
import type { EngineEvent } from "../events.ts";
import { Frontier } from "../merkle/frontier.ts";
import { isSameHash } from "../merkle/hash.ts";
import type { TreeHead } from "../merkle/proofs.ts";
import { type Checkpoint, parseCheckpoint } from "../note/checkpoint.ts";
import { LogAppender } from "./log-appender.ts";
import { CHECKPOINT_FILE, LOCK_FILE, SEGMENT_RECORDS, segmentPath } from "./log-layout.ts";
import { type LogEnd, readLogEnd } from "./log-state.ts";
import { prunedFrontier, readMinimum } from "./pruning.ts";
import { readSegmentLines } from "./read-lines.ts";
import type { RecordContent } from "./record.ts";

/** What the log needs to know of its surroundings. */
export interface LogHost {
  readonly files: Files;
  readonly bootId: string;
  /** Adds the circumstances to an event. */
  stamp(event: EngineEvent): RecordContent;
  /** First record of every boot; also said after damage. */
  begin?(head: TreeHead): RecordContent;
}

/**
 * Runs `work` with the log locked and whole. A tail that a killed command or a power cut left is taken over or cut off
 * first, and recorded; so is damage that neither explains.
 */
export function withLog<T>(host: LogHost, work: (log: LogAppender) => T, options: { readonly sync: boolean }): T {
  host.files.ensureDir("events", 0o700);
  using _lock = host.files.lock(LOCK_FILE, { kind: "exclusive", wait: true });
  const { log, findings } = openEnd(host);
  for (const finding of findings) log.append(host.stamp(finding));
  if (log.isNewBoot && host.begin !== undefined) log.append(host.begin(log.head));
  const result = work(log);
  log.finish({ sync: options.sync || findings.length > 0 });
  return result;
}

interface OpenedEnd {
  readonly log: LogAppender;
  readonly findings: readonly EngineEvent[];
}

function openEnd(host: LogHost): OpenedEnd {
  const { files, bootId } = host;
  const known = readLogEnd(files);
  const hasBytes = known === undefined ? 0 : sizeOf(files, segmentPath(known.frontier.size));
  if (known !== undefined && hasBytes === known.segmentBytes) {
    const isNewBoot = known.bootId !== bootId;
    return { log: new LogAppender(files, { ...known, bootId }, { isNewBoot }), findings: [] };
  }
  if (known !== undefined && hasBytes > known.segmentBytes) return takeOverTail(files, { ...known, bootId });
  return rescan(host, known);
}

// The usual trace of a killed command: records, or half of one, behind what the state knows.
function takeOverTail(files: Files, end: LogEnd, onSize: (size: number) => void = () => {}): OpenedEnd {
  const log = new LogAppender(files, end, { isNewBoot: true }); // after damage it is worth saying where we are
  for (;;) {
    const path = segmentPath(log.head.size);
    const limit = Math.floor(log.head.size / SEGMENT_RECORDS + 1) * SEGMENT_RECORDS;
    for (const line of readSegmentLines(files, path, end.segmentBytes)) {
      if (!line.whole || !isRecordLine(line.bytes, log.head.size) || log.head.size === limit) break;
      log.adopt(line.bytes);
      onSize(log.head.size);
      if (log.head.size === limit) break;
    }
    if (log.head.size !== limit || !files.has(segmentPath(limit))) break;
  }
  const path = segmentPath(log.head.size);
  const tornBytes = sizeOf(files, path) - end.segmentBytes;
  if (tornBytes <= 0) return { log, findings: [] };
  files.truncate(path, end.segmentBytes);
  return { log, findings: [{ type: "log.repaired", tornBytes }] };
}

/** Reads the whole log again, when there is no usable note of where it ends, or less of it than noted. */
function rescan({ files, bootId }: LogHost, known: LogEnd | undefined): OpenedEnd {
  const minimum = readMinimum(files);
  const frontier = minimum === 0 ? new Frontier() : prunedFrontier(files, minimum);
  const checkpoint = readCheckpointLoosely(files);
  let isConfirmed = checkpoint === undefined || checkpoint.size === 0;
  const end: LogEnd = { frontier, segmentBytes: 0, bundleStart: 0, bootId };
  const { log, findings } = takeOverTail(files, end, (size) => {
    if (size === checkpoint?.size) isConfirmed = isSameHash(frontier.root(), checkpoint.root);
  });
  const foundSize = log.head.size;
  const expectedSize = Math.max(known?.frontier.size ?? 0, checkpoint?.size ?? 0);
  // Only a power cut loses records, and never those under a checkpoint: they were synced before it was signed.
  const isExplained = isConfirmed && (known === undefined || known.bootId !== bootId || foundSize >= expectedSize);
  if (!isExplained) return { log, findings: [...findings, { type: "log.damaged", expectedSize, foundSize }] };
  if (foundSize >= expectedSize) return { log, findings };
  return { log, findings: [...findings, { type: "log.repaired", lostRecords: expectedSize - foundSize }] };
}

function isRecordLine(line: Uint8Array, recnum: number): boolean {
  const tail = Buffer.from(`,"recnum":${recnum}}`);
  return line[0] === 0x7b && Buffer.from(line.subarray(-tail.byteLength)).equals(tail);
}

function readCheckpointLoosely(files: Files): Checkpoint | undefined {
  if (!files.has(CHECKPOINT_FILE)) return undefined;
  try {
    return parseCheckpoint(files.readText(CHECKPOINT_FILE));
  } catch (reason) {
    if (reason instanceof AuditError) return undefined; // `audit check` says what is wrong with it
    throw reason;
  }
}

function sizeOf(files: Files, path: string): number {
  return files.stat(path)?.sizeBytes ?? 0;
}
