import type { Files } from "../sys/host.ts";
import type { RecordedEvent } from "./events.ts";
import { readMinimum } from "./log/pruning.ts";
import { readAllLines } from "./log/read-lines.ts";
import { readRecord } from "./log/record.ts";

/** Which events to read; absent fields mean any. */
export interface EventFilter {
  readonly type?: RecordedEvent["type"];
  readonly pod?: string;
  /** RFC 3339 UTC, inclusive. */
  readonly since?: string;
}

/** Events in the order they were written, lazily, from record `fromRecnum` on. Lines that are no records are passed over. */
export function* readEvents(files: Files, filter: EventFilter = {}, fromRecnum = 0): Generator<RecordedEvent> {
  const start = Math.max(fromRecnum, readMinimum(files));
  for (const { bytes } of readAllLines(files, start)) {
    const record = readRecord(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
    if (record === undefined || record.recnum < start) continue;
    const event = record.content as RecordedEvent;
    if (isWanted(event, filter)) yield event;
  }
}

function isWanted(event: RecordedEvent, filter: EventFilter): boolean {
  if (filter.type !== undefined && event.type !== filter.type) return false;
  if (filter.since !== undefined && event.time < filter.since) return false;
  return filter.pod === undefined || ("pod" in event && event.pod === filter.pod);
}
