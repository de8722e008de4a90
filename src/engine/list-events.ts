import type { RecordedEvent } from "../audit/events.ts";
import { AUDIT_DIR } from "../audit/log/log-layout.ts";
import { readLogEnd } from "../audit/log/log-state.ts";
import { readRecords } from "../audit/read-events.ts";
import { formatTimestamp } from "../base/clock.ts";
import { PodError } from "../pod/errors.ts";
import type { EventFilter, EventSummary } from "./audit-calls.ts";
import type { EngineContext } from "./context.ts";
import { UseCaseError } from "./errors.ts";
import { reapEndedPods } from "./reap-pod.ts";

/**
 * `audit log`: events in the order they were written; with `tail` the last ones that match. A pod is named as
 * everywhere; one that is gone by its UUID or the beginning of it.
 * @throws {UseCaseError} "engine/bad-input" for a time that is none; {PodError} "pod/ambiguous"
 */
export async function listEvents(ctx: EngineContext, filter: EventFilter): Promise<readonly EventSummary[]> {
  await reapEndedPods(ctx); // so that what has ended unnoticed is in the log
  const isWanted = matcher(ctx, filter);
  const found: EventSummary[] = [];
  for (const record of readRecords(ctx.root.sub(AUDIT_DIR))) {
    if (!isWanted(record.content)) continue;
    found.push(summarise(record));
    // Memory stays bounded by what is asked for, not by the age of the log.
    if (filter.tail !== undefined && found.length > Math.max(filter.tail, 0) * 2 + 1024)
      found.splice(0, found.length - filter.tail);
  }
  if (filter.tail === undefined) return found;
  return filter.tail <= 0 ? [] : found.slice(-filter.tail);
}

const POLL_MS = 200;

/** `audit log --follow`: the same, and then what is appended, until `signal`. */
export async function* followEvents(
  ctx: EngineContext,
  filter: EventFilter,
  { signal }: { readonly signal: AbortSignal },
): AsyncGenerator<EventSummary> {
  const isWanted = matcher(ctx, filter);
  const files = ctx.root.sub(AUDIT_DIR);
  let next = readLogEnd(files)?.frontier.size ?? 0;
  yield* await listEvents(ctx, filter);
  while (!signal.aborted) {
    const size = readLogEnd(files)?.frontier.size ?? next;
    if (size > next) {
      for (const record of readRecords(files, next)) if (isWanted(record.content)) yield summarise(record);
      next = size;
    }
    await Bun.sleep(POLL_MS);
  }
}

function matcher(ctx: EngineContext, filter: EventFilter): (event: RecordedEvent) => boolean {
  const since = filter.since === undefined ? undefined : normalTime(filter.since);
  const pod = filter.pod === undefined ? undefined : podPrefix(ctx, filter.pod);
  const kinds = new Set(filter.kinds);
  return (event) => {
    if (since !== undefined && event.time < since) return false;
    if (kinds.size > 0 && !kinds.has(event.type)) return false;
    return pod === undefined || ("pod" in event && event.pod?.startsWith(pod) === true);
  };
}

function summarise({ recnum, content }: { readonly recnum: number; readonly content: RecordedEvent }): EventSummary {
  const { type, time, ...data } = content;
  return { record: recnum, at: time, kind: type, data };
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
