import { formatReason } from "../../base/errors.ts";
import { SysError } from "../../sys/errors.ts";
import { TransportError } from "../errors.ts";
import type { Pacing } from "../pacing.ts";

const MAX_ATTEMPTS = 5;
/** Each of these has already cost as long as a server may be silent. */
const MAX_TIMEOUTS = 2;
const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 8_000;
/** A registry may ask for an hour; a person at a terminal rather wants to know. */
const MAX_RETRY_AFTER_MS = 60_000;

/**
 * Runs `attempt` at most five times (twice when the server is silent), waiting longer each time (half fixed, half jitter), as long as it fails with
 * something that may pass: no connection, a broken body, 408, 429 (its Retry-After is honoured up to a minute), 5xx.
 * @throws {TransportError} "transport/unavailable" or "transport/rate-limited" when the attempts are used up; whatever
 * else `attempt` throws comes through at once.
 */
export async function retry<T>(
  pacing: Pacing,
  work: { readonly what: string; readonly attempt: () => Promise<T> },
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<T> {
  let timeouts = 0;
  for (let attempt = 1; ; attempt++) {
    try {
      return await work.attempt();
    } catch (reason) {
      if (signal?.aborted || !isTransient(reason)) throw reason;
      const wishMs = reason instanceof TransportError ? retryAfterMs(reason) : undefined;
      if (isTimeout(reason)) timeouts += 1;
      if (attempt === MAX_ATTEMPTS || timeouts === MAX_TIMEOUTS || (wishMs ?? 0) > MAX_RETRY_AFTER_MS)
        throw giveUp(work.what, attempt, reason);
      const backOffMs = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempt - 1));
      await pacing.sleep(wishMs ?? backOffMs * (0.5 + pacing.jitter() / 2), signal === undefined ? {} : { signal });
    }
  }
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof SysError && reason.code === "sys/timeout";
}

function isTransient(reason: unknown): boolean {
  if (reason instanceof SysError) return reason.code === "sys/http-failed" || reason.code === "sys/timeout";
  if (!(reason instanceof TransportError)) return false;
  return reason.code === "transport/rate-limited" || reason.code === "transport/unavailable";
}

function retryAfterMs(error: TransportError): number | undefined {
  const value = error.data["retryAfterMs"];
  return typeof value === "number" ? value : undefined;
}

function giveUp(what: string, attempts: number, reason: unknown): unknown {
  if (reason instanceof TransportError) return reason;
  return new TransportError("transport/unavailable", `Cannot ${what}: ${formatReason(reason)}`, {
    hint: hintOf(reason) ?? "check the network and the name of the registry, then try again",
    data: { attempts },
    cause: reason,
  });
}

function hintOf(reason: unknown): string | undefined {
  return reason instanceof SysError ? reason.hint : undefined;
}
