import type { RecordedEvent } from "../audit/events.ts";
import { readEvents } from "../audit/read-events.ts";
import { formatTimestamp } from "../base/clock.ts";
import { PodError } from "../pod/errors.ts";
import type { EngineContext } from "./context.ts";
import type { EventFilter, EventSummary } from "./engine-calls.ts";
import { UseCaseError } from "./errors.ts";

/**
 * `audit log`: events in the order they were written; with `tail` the last ones that match. A pod is named as
 * everywhere; one that is gone by its UUID or the beginning of it.
 * @throws {UseCaseError} "engine/bad-input" for a time that is none; {PodError} "pod/ambiguous"
 */
export async function listEvents(ctx: EngineContext, filter: EventFilter): Promise<readonly EventSummary[]> {
  const since = filter.since === undefined ? undefined : normalTime(filter.since);
  const pod = filter.pod === undefined ? undefined : podPrefix(ctx, filter.pod);
  const kinds = new Set(filter.kinds);
  const found: EventSummary[] = [];
  for (const event of readEvents(ctx.root, since === undefined ? {} : { since })) {
    if (kinds.size > 0 && !kinds.has(event.type)) continue;
    if (pod !== undefined && !("pod" in event && event.pod?.startsWith(pod) === true)) continue;
    found.push(summarise(event));
    // Memory stays bounded by what is asked for, not by the age of the log.
    if (filter.tail !== undefined && found.length > Math.max(filter.tail, 0) * 2 + 1024)
      found.splice(0, found.length - filter.tail);
  }
  if (filter.tail === undefined) return found;
  return filter.tail <= 0 ? [] : found.slice(-filter.tail);
}

function summarise(event: RecordedEvent): EventSummary {
  const { type, time, ...data } = event;
  return { at: time, kind: type, data };
}

function normalTime(text: string): string {
  const ms = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(ms)) return formatTimestamp(ms);
  throw new UseCaseError("engine/bad-input", `Cannot use time "${text.slice(0, 100)}": not an RFC 3339 time`, {
    hint: "write it as 2027-01-31T12:00:00Z",
  });
}

function podPrefix(ctx: EngineContext, text: string): string {
  try {
    return ctx.pods.find(text).id;
  } catch (reason) {
    // Its events outlive a pod.
    if (reason instanceof PodError && reason.code === "pod/not-found" && /^[0-9a-f-]{4,36}$/.test(text)) return text;
    throw reason;
  }
}
