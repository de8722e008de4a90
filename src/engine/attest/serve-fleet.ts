import { queueDelivery } from "../../attest/fleet/deliveries.ts";
import { type FleetNode, findNode, listNodes } from "../../attest/fleet/nodes.ts";
import { notePoll } from "../../attest/fleet/verdicts.ts";
import { NodeClient } from "../../attest/node-client.ts";
import { type FleetPolicy, OPEN_POLICY, parsePolicy } from "../../attest/policy.ts";
import { pollNode } from "../../attest/poll-node.ts";
import type { NodeProblem } from "../../attest/problems.ts";
import { answerWeb } from "../../attest/web/answer-web.ts";
import { formatTimestamp } from "../../base/clock.ts";
import { formatReason } from "../../base/errors.ts";
import { monotonicMs } from "../../sys/clock.ts";
import type { HttpClient } from "../../sys/host.ts";
import { serveRequests } from "../../sys/http/request-server.ts";
import { newUuid, randomHex } from "../../sys/random.ts";
import type { Database } from "../../sys/sqlite.ts";
import type { AttestServeInput } from "../attest-calls.ts";
import { sleep } from "../audit/serve-log.ts";
import type { EngineContext } from "../context.ts";
import { parseListen } from "../listen-address.ts";
import { assertSafeUrl } from "./check-url.ts";
import { summarizeNodes } from "./manage-nodes.ts";
import { nodeHttp, openFleet } from "./open-fleet.ts";
import { WebhookSender } from "./send-webhooks.ts";

const TICK_MS = 250;
const NONCE_BYTES = 20;
const MAX_REQUEST_BYTES = 16 * 1024;
/** Polls at once: far more than can be stuck in their time limit, and few enough for file descriptors. */
const MAX_POLLS = 256;

/**
 * `attest serve`: asks every node on a schedule, keeps logs and verdicts, and shows them, until `signal`.
 * @throws {AttestError} "attest/bad-policy"; {UseCaseError} "engine/bad-input"
 */
export async function serveFleet(
  ctx: EngineContext,
  input: AttestServeInput,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const policy = input.policy === undefined ? OPEN_POLICY : parsePolicy(input.policy.text, input.policy.path);
  const listen = parseListen(input.listen);
  if (input.webhook !== undefined) assertSafeUrl(ctx, input.webhook.url, "send webhooks");
  using database = openFleet(ctx);
  const schedule = new PollSchedule(ctx, { database, policy, input, signal });
  const web = {
    database,
    token: input.token,
    isLocal: listen.hostname.startsWith("127.") || listen.hostname === "::1" || listen.hostname === "localhost",
    summarize: () => summarizeNodes(database),
    pollNow: () => schedule.forgetTimes(),
  };
  await using server = serveRequests({ ...listen, maxBodyBytes: MAX_REQUEST_BYTES }, (request) =>
    answerWeb(web, request),
  );
  input.onListening(server.url);
  const { webhook } = input;
  const sender =
    webhook === undefined ? undefined : new WebhookSender({ database, http: nodeHttp(ctx), target: webhook });
  const running = new Set<Promise<void>>();
  while (!signal.aborted) {
    for (const work of [...schedule.startDue(), sender?.send(signal)]) {
      if (work === undefined) continue;
      const watched = work.catch((reason: unknown) =>
        ctx.options.note(`Cannot go on with one task: ${formatReason(reason)}`),
      );
      running.add(watched);
      void watched.finally(() => running.delete(watched));
    }
    await sleep(TICK_MS, signal);
  }
  await Promise.all(running);
}

interface ScheduleParts {
  readonly database: Database;
  readonly policy: FleetPolicy;
  readonly input: AttestServeInput;
  readonly signal: AbortSignal;
}

/** Each node has its own time; one that is slow is late only itself. Times are of a clock that nobody sets. */
class PollSchedule {
  readonly #ctx: EngineContext;
  readonly #parts: ScheduleParts;
  readonly #http: HttpClient;
  readonly #dueMs = new Map<number, number>();
  readonly #busy = new Set<number>();

  constructor(ctx: EngineContext, parts: ScheduleParts) {
    this.#ctx = ctx;
    this.#http = nodeHttp(ctx);
    this.#parts = parts;
  }

  /** All nodes are due now. */
  forgetTimes(): void {
    this.#dueMs.clear();
  }

  startDue(): Promise<void>[] {
    const now = monotonicMs();
    const nodes = listNodes(this.#parts.database).filter(
      ({ id }) => !this.#busy.has(id) && (this.#dueMs.get(id) ?? 0) <= now,
    );
    return nodes.slice(0, Math.max(0, MAX_POLLS - this.#busy.size)).map((node) => {
      this.#busy.add(node.id);
      this.#dueMs.set(node.id, now + this.#parts.input.intervalMs);
      return this.#poll(node).finally(() => this.#busy.delete(node.id));
    });
  }

  async #poll(node: FleetNode): Promise<void> {
    const { database, policy, input, signal } = this.#parts;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(input.timeoutMs)]);
    const client = new NodeClient(this.#http, node, limit);
    const startMs = monotonicMs();
    const note = (problems: readonly NodeProblem[]): void => {
      const isOver = signal.aborted || findNode(database, node.name)?.id !== node.id;
      if (isOver) return; // cut short by our own end, or removed meanwhile: nothing was learned
      const at = formatTimestamp(this.#ctx.clock.nowMs());
      const outcome = { problems, at, pollMs: monotonicMs() - startMs };
      const alert = notePoll(database, node, { outcome, patience: input.patience });
      if (alert !== undefined && input.webhook !== undefined) queueDelivery(database, node, { alert, id: newUuid() });
    };
    await pollNode(node, { database, client, policy, nonce: randomHex(NONCE_BYTES) }, note);
  }
}
