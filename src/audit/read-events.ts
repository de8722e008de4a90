import type { Files } from "../sys/host.ts";
import { EVENT_LOG_PATH, MAX_EVENT_BYTES } from "./event-log.ts";
import type { RecordedEvent } from "./events.ts";

/** Which events to read; absent fields mean any. */
export interface EventFilter {
  readonly type?: RecordedEvent["type"];
  readonly pod?: string;
  /** RFC 3339 UTC, inclusive. */
  readonly since?: string;
}

/** Events in the order they were written, lazily. Lines torn by a crash are passed over: `log.repaired` follows them. */
export function* readEvents(files: Files, filter: EventFilter = {}): Generator<RecordedEvent> {
  if (!files.has(EVENT_LOG_PATH)) return;
  for (const line of readLines(files)) {
    const event = parseLine(line);
    if (event !== undefined && isWanted(event, filter)) yield event;
  }
}

function* readLines(files: Files): Generator<string> {
  let rest: Buffer = Buffer.alloc(0);
  for (const chunk of files.readChunks(EVENT_LOG_PATH)) {
    let buffer: Buffer = Buffer.concat([rest, chunk]);
    for (let end = buffer.indexOf(0x0a); end >= 0; end = buffer.indexOf(0x0a)) {
      yield buffer.subarray(0, end).toString("utf8");
      buffer = buffer.subarray(end + 1);
    }
    // No record is longer: such a line is damage, and memory stays bounded.
    rest = buffer.byteLength > MAX_EVENT_BYTES ? buffer.subarray(-MAX_EVENT_BYTES) : buffer;
  }
}

function parseLine(line: string): RecordedEvent | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const isEvent =
      typeof value === "object" &&
      value !== null &&
      "type" in value &&
      typeof value.type === "string" &&
      "time" in value;
    return isEvent ? (value as RecordedEvent) : undefined;
  } catch {
    // A torn line carries no event.
    return undefined;
  }
}

function isWanted(event: RecordedEvent, filter: EventFilter): boolean {
  if (filter.type !== undefined && event.type !== filter.type) return false;
  if (filter.since !== undefined && event.time < filter.since) return false;
  return filter.pod === undefined || ("pod" in event && event.pod === filter.pod);
}
