import type { Files } from "../sys/host.ts";
import type { RecordedEvent } from "./events.ts";
import { readMinimum } from "./log/pruning.ts";
import { readAllLines } from "./log/read-lines.ts";
import { type LogRecord, readRecord } from "./log/record.ts";

/** Which events to read; absent fields mean any. */
export interface EventFilter {
  readonly type?: RecordedEvent["type"];
  readonly pod?: string;
  /** RFC 3339 UTC, inclusive. */
  readonly since?: string;
}

/** Records in the order they were written, lazily, from number `fromRecnum` on. Lines that are none are passed over. */
export function* readRecords(files: Files, fromRecnum = 0): Generator<LogRecord & { readonly content: RecordedEvent }> {
  const start = Math.max(fromRecnum, readMinimum(files));
  for (const { bytes } of readAllLines(files, start)) {
    const record = readRecord(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
    if (record === undefined || record.recnum < start) continue;
    yield { ...record, content: record.content as RecordedEvent };
  }
}

/** The events of these records. */
export function* readEvents(files: Files, filter: EventFilter = {}): Generator<RecordedEvent> {
  for (const { content } of readRecords(files)) if (isWanted(content, filter)) yield content;
}

function isWanted(event: RecordedEvent, filter: EventFilter): boolean {
  if (filter.type !== undefined && event.type !== filter.type) return false;
  if (filter.since !== undefined && event.time < filter.since) return false;
  return filter.pod === undefined || ("pod" in event && event.pod === filter.pod);
}
