import { EngineError } from "../../base/errors.ts";
import type { Database } from "../../sys/sqlite.ts";
import { AttestError } from "../errors.ts";
import { KeptLog } from "../fleet/kept-log.ts";
import { requireNode } from "../fleet/nodes.ts";
import { whereRan } from "../fleet/where-ran.ts";
import { isSameSecret } from "../secret.ts";
import { formatMetrics } from "./metrics.ts";
import { SECURITY_HEADERS } from "./page.ts";
import { messagePage, nodePage, nodesPage, searchPage } from "./pages.ts";

/** What the pages show and may do. */
export interface WebTools {
  readonly database: Database;
  /** JSON of all nodes. */
  readonly summarize: () => unknown;
  /** Who knows it may have nodes asked at once; absent: nobody may. */
  readonly token: string | undefined;
  /** Only names of this machine are answered, so that no page of others can read through a browser here. */
  readonly isLocal: boolean;
  /** Asks all nodes as soon as possible. */
  readonly pollNow: () => void;
}

const LOCAL_NAMES = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** One answer of `attest serve`. Everything can be read by who can connect; the one thing to do needs the token. */
export function answerWeb(tools: WebTools, request: Request): Response {
  const url = new URL(request.url);
  if (tools.isLocal && !LOCAL_NAMES.has(url.hostname)) return text("unknown host\n", { status: 421 });
  if (request.method === "POST" && url.pathname === "/poll") return pollNow(tools, request);
  if (request.method !== "GET" && request.method !== "HEAD") return text("read only\n", { status: 405 });
  try {
    return route(tools, url);
  } catch (reason) {
    if (!(reason instanceof EngineError)) throw reason;
    const isUnknown = reason instanceof AttestError && reason.code === "attest/unknown-node";
    return page(messagePage("Cannot show this", reason.message), isUnknown ? 404 : 400);
  }
}

function route(tools: WebTools, url: URL): Response {
  const { database } = tools;
  const { pathname } = url;
  if (pathname === "/") return page(nodesPage(database));
  if (pathname === "/metrics")
    return text(formatMetrics(database), { type: "text/plain; version=0.0.4; charset=utf-8" });
  if (pathname === "/api/nodes") return json(tools.summarize());
  const digest = url.searchParams.get("digest") ?? "";
  if (pathname === "/api/where") return json(whereRan(database, digest));
  if (pathname === "/search") return page(searchPage(digest, whereRan(database, digest)));
  const [, name, proof] =
    /^\/nodes\/([^/]{1,200})(?:\/proofs\/(0|[1-9][0-9]{0,14})\.tlog-proof)?$/.exec(pathname) ?? [];
  if (name === undefined) return page(messagePage("Nothing here", "There is no such page."), 404);
  const node = requireNode(database, decode(name));
  if (proof === undefined) return page(nodePage(database, node, numberOf(url.searchParams.get("before"))));
  const headers = { "content-disposition": `attachment; filename="${node.name}-${proof}.tlog-proof"` };
  return text(new KeptLog(database, node.id).prove(Number(proof)), { headers });
}

function pollNow({ token, pollNow: poll }: WebTools, request: Request): Response {
  const given = request.headers.get("authorization") ?? "";
  if (token === undefined || !isSameSecret(given, `Bearer ${token}`))
    return text("the bearer token is wrong\n", { status: 401 });
  poll();
  return text("asking all nodes\n", { status: 202 });
}

function decode(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    // Not encoded text: no node has such a name, which is what the caller finds out.
    return name;
  }
}

function numberOf(value: string | null): number | undefined {
  return value !== null && /^(0|[1-9][0-9]{0,14})$/.test(value) ? Number(value) : undefined;
}

function page(content: string, status = 200): Response {
  return new Response(content, {
    status,
    headers: { ...SECURITY_HEADERS, "content-type": "text/html; charset=utf-8" },
  });
}

function json(value: unknown): Response {
  return Response.json(value, { headers: SECURITY_HEADERS });
}

function text(
  content: string,
  {
    status = 200,
    type = "text/plain; charset=utf-8",
    headers = {},
  }: { readonly status?: number; readonly type?: string; readonly headers?: Readonly<Record<string, string>> },
): Response {
  return new Response(content, { status, headers: { ...SECURITY_HEADERS, "content-type": type, ...headers } });
}
