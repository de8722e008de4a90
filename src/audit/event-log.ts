import type { Clock } from "../base/clock.ts";
import { formatTimestamp } from "../base/clock.ts";
import type { Files } from "../sys/host.ts";
import { formatCanonicalJson } from "./canonical-json.ts";
import { AuditError } from "./errors.ts";
import { type EngineEvent, type EventCaller, isDeciding, type RecordedEvent } from "./events.ts";

/** The log file, relative to the store's root. */
export const EVENT_LOG_PATH = "audit/events.jsonl";
const LOCK_PATH = "audit/.lock";

/** Largest record, in bytes, newline included. */
export const MAX_EVENT_BYTES = 64 * 1024;

/** Where every use case reports what it does. `report` returns when the record is written, and durable if deciding. */
export interface EventSink {
  /** @throws {AuditError} "audit/too-large"; SysError when it cannot be written: then what it reports must not happen. */
  report(event: EngineEvent): void;
}

/** Circumstances added to every event. */
export interface EventContext {
  readonly clock: Clock;
  /** Nanoseconds since boot. */
  readonly monotonicNs: () => number;
  readonly bootId: string;
  readonly caller: EventCaller;
}

/** Sink appending canonical JSON lines beneath `files`; any number of processes may share the file. */
export function openEventSink(files: Files, context: EventContext): EventSink {
  return {
    report(event) {
      const line = formatLine(event, context);
      files.ensureDir("audit");
      using _lock = files.lock(LOCK_PATH, { kind: "exclusive", wait: true });
      const tornBytes = countTornBytes(files);
      if (tornBytes > 0) {
        // The unfinished line stays as it is, ended by a newline, so that nothing ever vanishes from the log.
        const repaired = formatLine({ type: "log.repaired", tornBytes }, context);
        files.append(EVENT_LOG_PATH, `\n${repaired}`, { sync: true });
      }
      files.append(EVENT_LOG_PATH, line, { sync: isDeciding(event.type) });
    },
  };
}

function formatLine(event: EngineEvent, context: EventContext): string {
  const record: RecordedEvent = {
    ...event,
    time: formatTimestamp(context.clock.nowMs()),
    bootId: context.bootId,
    monotonicNs: context.monotonicNs(),
    caller: context.caller,
  };
  const line = `${formatCanonicalJson(record)}\n`;
  const sizeBytes = Buffer.byteLength(line);
  if (sizeBytes <= MAX_EVENT_BYTES) return line;
  throw new AuditError(
    "audit/too-large",
    `Cannot record event "${event.type}": ${sizeBytes} bytes, the limit is ${MAX_EVENT_BYTES}`,
    {
      hint: "use fewer apps or shorter names",
    },
  );
}

/** Length of an unfinished last line, which only a crash in the middle of a write leaves. */
function countTornBytes(files: Files): number {
  const sizeBytes = files.stat(EVENT_LOG_PATH)?.sizeBytes ?? 0;
  if (sizeBytes === 0) return 0;
  const from = Math.max(0, sizeBytes - MAX_EVENT_BYTES);
  const tail = Buffer.concat([...files.readChunks(EVENT_LOG_PATH, from)]);
  return tail.byteLength - (tail.lastIndexOf(0x0a) + 1);
}
