import {
  activateRequest,
  type IdentityAnswer,
  MAX_REQUEST_BYTES,
  parseMessage,
  quoteRequest,
} from "../../attest/protocol.ts";
import { RateLimit } from "../../attest/rate-limit.ts";
import { isSameSecret } from "../../attest/secret.ts";
import { AUDIT_DIR } from "../../audit/log/log-layout.ts";
import { EngineError, formatReason } from "../../base/errors.ts";
import { monotonicMs } from "../../sys/clock.ts";
import { answerWithFile } from "../../sys/http/file-server.ts";
import { serveRequests } from "../../sys/http/request-server.ts";
import type { AttestAgentInput } from "../attest-calls.ts";
import { auditParts } from "../audit/audit-parts.ts";
import { publishNow } from "../audit/prove-event.ts";
import { quoteCompactly } from "../audit/quote-audit.ts";
import { findServed, sleep } from "../audit/serve-log.ts";
import type { EngineContext } from "../context.ts";
import { parseListen } from "../listen-address.ts";
import { activateCredential, readIdentity } from "./activate-credential.ts";

const PUBLISH_EVERY_MS = 2000;

/**
 * `attest agent`: answers quote requests of this host's verifiers and serves the log, until `signal`. Nothing it does
 * changes what the host runs; the TPM is asked by one request at a time.
 * @throws {UseCaseError} "engine/bad-input"
 */
export async function serveAgent(
  ctx: EngineContext,
  input: AttestAgentInput,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const limit = new RateLimit(input.requestsPerMinute, monotonicMs);
  const log = ctx.root.sub(AUDIT_DIR);
  const answer = async (request: Request): Promise<Response> => {
    if (!isAllowed(request, input.token)) return failure(401, "attest/unauthorized", "the bearer token is wrong");
    const work = await workOf(ctx, request);
    if (work === undefined) return answerWithFile(log, request, findServed);
    if (work instanceof Response) return work;
    const turn = limit.tryRun(work);
    return turn === undefined ? failure(429, "attest/busy", "the TPM is asked too often") : answerWork(turn);
  };
  let said = publishQuietly(ctx, "");
  const tls = input.tls === undefined ? {} : { tls: input.tls };
  const options = { ...parseListen(input.listen), ...tls, maxBodyBytes: MAX_REQUEST_BYTES };
  await using server = serveRequests(options, answer);
  input.onListening(server.url);
  while (!signal.aborted) {
    await sleep(PUBLISH_EVERY_MS, signal);
    said = publishQuietly(ctx, said);
  }
}

function isAllowed(request: Request, token: string | undefined): boolean {
  return token === undefined || isSameSecret(request.headers.get("authorization") ?? "", `Bearer ${token}`);
}

/** What the TPM is wanted for; a response when the request is not understood; undefined when it is about a file. */
async function workOf(
  ctx: EngineContext,
  request: Request,
): Promise<Response | (() => Promise<IdentityAnswer | object>) | undefined> {
  const { pathname } = new URL(request.url);
  const method = pathname === "/identity" ? "GET" : "POST";
  if (!["/identity", "/quote", "/activate"].includes(pathname)) return undefined;
  if (request.method !== method) return failure(405, "attest/bad-answer", `${pathname} wants ${method}`);
  if (pathname === "/identity") return () => readIdentity(ctx);
  try {
    const body = await request.text(); // bounded by the server
    if (pathname === "/quote") {
      const { nonce } = parseMessage(quoteRequest, body, MAX_REQUEST_BYTES);
      return () => quoteCompactly(ctx, nonce);
    }
    const { credential } = parseMessage(activateRequest, body, MAX_REQUEST_BYTES);
    return async () => ({ secret: await activateCredential(ctx, Buffer.from(credential, "base64")) });
  } catch (reason) {
    if (reason instanceof EngineError) return failure(400, reason.code, reason.message);
    throw reason;
  }
}

async function answerWork(turn: Promise<object>): Promise<Response> {
  try {
    return Response.json(await turn, { headers: { "cache-control": "no-store" } });
  } catch (reason) {
    if (!(reason instanceof EngineError)) return failure(500, "base/bug", formatReason(reason));
    return failure(reason.code === "audit/malformed" ? 400 : 503, reason.code, reason.message, reason.hint);
  }
}

function failure(status: number, code: string, message: string, hint?: string): Response {
  const headers = status === 429 ? { "retry-after": "5" } : {};
  return Response.json({ error: { code, message, ...(hint === undefined ? {} : { hint }) } }, { status, headers });
}

// A log that cannot be published now is no reason to stop answering: the quote says what is wrong. Each reason is said once.
function publishQuietly(ctx: EngineContext, said: string): string {
  try {
    publishNow(ctx, auditParts(ctx));
    return "";
  } catch (reason) {
    if (!(reason instanceof EngineError)) throw reason;
    if (reason.message !== said) ctx.options.note(reason.message);
    return reason.message;
  }
}
