import { AUDIT_DIR, CHECKPOINT_FILE, VKEY_FILE, WITNESSED_FILE } from "../../audit/log/log-layout.ts";
import { answerWithFile, type ServedFile } from "../../sys/http/file-server.ts";
import { serveRequests } from "../../sys/http/request-server.ts";
import type { AuditServeInput } from "../audit-calls.ts";
import type { EngineContext } from "../context.ts";
import { parseListen } from "../listen-address.ts";
import { auditParts } from "./audit-parts.ts";
import { publishNow } from "./prove-event.ts";

const PUBLISH_EVERY_MS = 2000;
/** Nothing is read from bodies. */
const MAX_REQUEST_BYTES = 1024;
const TILE = /^\/tile\/(?:[0-9]|[1-5][0-9]|6[0-3]|entries)\/(?:x[0-9]{3}\/)*[0-9]{3}(?:\.p\/[1-9][0-9]{0,2})?$/;

/**
 * `audit serve`: the log for auditors, as any C2SP tlog-tiles client reads it, until `signal`. Only what is public is
 * served; nothing is written but checkpoints over what other commands append.
 * @throws {UseCaseError} "engine/bad-input"; what `serveRequests` throws when it cannot listen
 */
export async function serveLog(
  ctx: EngineContext,
  input: AuditServeInput,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const listen = parseListen(input.listen);
  const parts = auditParts(ctx);
  publishNow(ctx, parts);
  const log = ctx.root.sub(AUDIT_DIR);
  const options = { ...listen, maxBodyBytes: MAX_REQUEST_BYTES };
  await using server = serveRequests(options, (request) => answerWithFile(log, request, findServed));
  input.onListening(server.url);
  while (!signal.aborted) {
    await sleep(PUBLISH_EVERY_MS, signal);
    publishNow(ctx, parts);
  }
}

/** The public file of the log that a path names. */
export function findServed(path: string): ServedFile | undefined {
  const text = { contentType: "text/plain; charset=utf-8", immutable: false };
  if (path === "/checkpoint") return { rel: CHECKPOINT_FILE, ...text };
  if (path === "/witnessed") return { rel: WITNESSED_FILE, ...text };
  if (path === "/log.vkey") return { rel: VKEY_FILE, ...text };
  return TILE.test(path) ? { rel: path.slice(1), contentType: "application/octet-stream", immutable: true } : undefined;
}

/** Waits, but not longer than until `signal`. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
