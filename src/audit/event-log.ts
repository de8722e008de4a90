import type { Clock } from "../base/clock.ts";
import { formatTimestamp } from "../base/clock.ts";
import { EngineError, formatReason } from "../base/errors.ts";
import type { Files } from "../sys/host.ts";
import type { Anchor } from "./anchor/anchor.ts";
import { AuditError } from "./errors.ts";
import { type EngineEvent, type EventCaller, isDeciding, isExecuting, isUrgent, type RecordedEvent } from "./events.ts";
import type { LogAppender } from "./log/log-appender.ts";
import { ensureLogKey, readVkey } from "./log/log-key.ts";
import { AUDIT_DIR } from "./log/log-layout.ts";
import { type LogHost, withLog } from "./log/open-log.ts";
import { publishCheckpoint } from "./log/publish.ts";
import { formatVkey } from "./note/note-keys.ts";
import type { AuditSettings } from "./settings.ts";
import { addToSpool, takeSpool } from "./spool.ts";

/** Version of what records mean; grows when a reader must know the difference. */
const LOG_VERSION = 1;

/** Where every use case reports what it does. */
export interface EventSink {
  /**
   * Returns when the event is recorded, durable if it decides something, and anchored if it begins an execution.
   * @throws {AuditError} "audit/not-recorded", "audit/not-anchored": then what it reports must not happen
   */
  report(event: EngineEvent): void;
  /** The same for several at once: one append, one sync, one anchoring. */
  reportTogether(events: readonly EngineEvent[]): void;
  /** End of a command: what it reported becomes durable, anchored, and part of the published checkpoint. */
  settle(): void;
}

/** Circumstances added to every event, and what the log depends on. */
export interface EventContext {
  readonly clock: Clock;
  /** Nanoseconds since boot. */
  readonly monotonicNs: () => number;
  readonly bootId: string;
  readonly caller: EventCaller;
  readonly hostname: string;
  /** Read at the first event. */
  readonly settings: () => AuditSettings;
  /** Opened at the first event that needs it; undefined when none is wanted. */
  readonly anchor?: (host: LogHost, settings: AuditSettings) => Anchor | undefined;
  /** Directory for events that cannot be recorded for now; must not be on the log's file system. */
  readonly spool?: Files;
  /** Says something to the person at the terminal. */
  readonly note?: (text: string) => void;
}

/** Adds the circumstances to events. */
export function stampEvent(
  context: Pick<EventContext, "clock" | "monotonicNs" | "bootId" | "caller">,
): (event: EngineEvent) => RecordedEvent {
  return (event) => ({
    ...event,
    time: formatTimestamp(context.clock.nowMs()),
    bootId: context.bootId,
    monotonicNs: context.monotonicNs(),
    caller: context.caller,
  });
}

/** The log beneath the store's root, for whoever works on it directly. */
export function openLogHost(root: Files, context: Parameters<typeof stampEvent>[0]): LogHost {
  const stamp = stampEvent(context);
  const begin: LogHost["begin"] = ({ size, root: hash }) => {
    const vkey = readVkey(root);
    const key = vkey === undefined ? {} : { log: formatVkey(vkey) };
    const head = { size, root: Buffer.from(hash).toString("hex") };
    return stamp({ type: "audit.started", version: LOG_VERSION, ...head, ...key });
  };
  return { files: root.sub(AUDIT_DIR), bootId: context.bootId, stamp, begin };
}

/** Sink appending to the log beneath the store's root; any number of processes may share it. */
export function openEventSink(root: Files, context: EventContext): EventSink {
  return new LogSink(root, context);
}

class LogSink implements EventSink {
  readonly #root: Files;
  readonly #context: EventContext;
  readonly #host: LogHost;
  #anchor: { readonly value: Anchor | undefined } | undefined;
  #hasReported = false;
  /** A deciding event waits for the next anchoring. */
  #isUnanchored = false;
  #isComplaining = false;

  constructor(root: Files, context: EventContext) {
    this.#root = root;
    this.#context = context;
    this.#host = openLogHost(root, context);
  }

  report(event: EngineEvent): void {
    this.reportTogether([event]);
  }

  reportTogether(events: readonly EngineEvent[]): void {
    if (events.length === 0) return;
    const settings = this.#context.settings();
    const isGate = events.some(({ type }) => isExecuting(type));
    try {
      const anchor = isGate ? this.#openAnchor(settings) : undefined;
      // The anchoring syncs everything before it: one sync instead of two.
      const sync = events.some(({ type }) => isUrgent(type)) && anchor === undefined;
      const recnum = withLog(this.#host, (log) => this.#append(log, events), { sync });
      this.#hasReported = true;
      if (events.some(({ type }) => isDeciding(type))) this.#isUnanchored = true;
      if (!isGate) return;
      anchor?.cover(recnum);
      this.#isUnanchored = false;
    } catch (reason) {
      for (const event of events) this.#refuseOrKeep(event, reason, settings);
    }
  }

  settle(): void {
    if (!this.#hasReported) return;
    try {
      if (this.#isUnanchored) this.#openAnchor(this.#context.settings())?.cover();
      const signer = ensureLogKey(this.#root, this.#context.hostname);
      withLog(this.#host, (log) => publishCheckpoint(this.#host.files, log, signer), { sync: true });
    } catch (reason) {
      // What was to be prevented has been prevented at `report`; the next command tries again.
      this.#complain(`the event log is not up to date: ${formatReason(reason)}`);
    }
    this.#hasReported = false;
    this.#isUnanchored = false;
  }

  #openAnchor(settings: AuditSettings): Anchor | undefined {
    this.#anchor ??= { value: this.#context.anchor?.(this.#host, settings) };
    return this.#anchor.value;
  }

  #append(log: LogAppender, events: readonly EngineEvent[]): number {
    const { spool } = this.#context;
    for (const late of spool === undefined ? [] : takeSpool(spool)) log.append({ ...late, late: true });
    for (const event of events) log.append(this.#host.stamp(event));
    return log.head.size - 1;
  }

  // Nothing starts unrecorded where policy says so. Ending and removing must go on even then: they are kept aside.
  #refuseOrKeep(event: EngineEvent, reason: unknown, settings: AuditSettings): void {
    if (reason instanceof AuditError && reason.code === "audit/not-anchored") throw reason;
    if (!(reason instanceof EngineError)) throw reason;
    if (isDeciding(event.type) && settings.write === "required") {
      throw new AuditError("audit/not-recorded", `Cannot record event "${event.type}": ${reason.message}`, {
        hint: `make ${this.#host.files.root} writable and give it space, or see gantry audit check`,
        cause: reason,
      });
    }
    this.#complain(`an event cannot be recorded now: ${reason.message}`);
    const { spool } = this.#context;
    if (spool !== undefined) addToSpool(spool, this.#host.stamp(event));
  }

  #complain(text: string): void {
    if (!this.#isComplaining) this.#context.note?.(text);
    this.#isComplaining = true;
  }
}
