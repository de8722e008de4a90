import { type Delivery, dueDeliveries, noteDelivery } from "../../attest/fleet/deliveries.ts";
import { signWebhook } from "../../attest/webhook-signature.ts";
import { EngineError, formatReason } from "../../base/errors.ts";
import { monotonicMs } from "../../sys/clock.ts";
import type { HttpClient } from "../../sys/host.ts";
import type { Database } from "../../sys/sqlite.ts";
import type { WebhookTarget } from "../attest-calls.ts";

const FIRST_WAIT_MS = 1000;
const MAX_WAIT_MS = 5 * 60_000;
const TIMEOUT_MS = 10_000;

/**
 * Sends what is due, one message after the other and in order, so that a receiver never hears of a recovery before the
 * failure. A message that did not arrive is tried again, later each time, until it is given up.
 */
export class WebhookSender {
  readonly #tools: { readonly database: Database; readonly http: HttpClient; readonly target: WebhookTarget };
  #notBeforeMs = 0;
  #isSending = false;

  constructor(tools: { readonly database: Database; readonly http: HttpClient; readonly target: WebhookTarget }) {
    this.#tools = tools;
  }

  /** Call often. Returns at once when there is nothing to do yet. */
  async send(signal: AbortSignal): Promise<void> {
    if (this.#isSending || monotonicMs() < this.#notBeforeMs) return;
    this.#isSending = true;
    try {
      for (const delivery of dueDeliveries(this.#tools.database)) {
        const error = await this.#attempt(delivery, signal);
        if (signal.aborted) return; // an attempt that was cut short is none
        noteDelivery(this.#tools.database, delivery, error);
        if (error === undefined) continue;
        this.#notBeforeMs = monotonicMs() + Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** delivery.attempts);
        return;
      }
    } finally {
      this.#isSending = false;
    }
  }

  async #attempt({ id, body }: Delivery, signal: AbortSignal): Promise<string | undefined> {
    const { http, target } = this.#tools;
    const signature = target.secret === undefined ? {} : { "gantry-signature": signWebhook(target.secret, body) };
    const headers = { "content-type": "application/json", "gantry-delivery": id, ...signature };
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
      const request = { url: target.url, method: "POST", headers, body, maxRedirects: 0 } as const;
      const answer = await http.send(request, { signal: limit });
      await answer.discard();
      return answer.status >= 200 && answer.status < 300 ? undefined : `status ${answer.status}`;
    } catch (reason) {
      const isOurs =
        reason instanceof EngineError || (reason instanceof DOMException && reason.name === "TimeoutError");
      if (isOurs || signal.aborted) return formatReason(reason);
      throw reason;
    }
  }
}
