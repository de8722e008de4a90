import type { HttpResponse } from "../../sys/host.ts";
import { TransportError, type TransportErrorCode } from "../errors.ts";

const MAX_ERROR_BODY_BYTES = 65_536;
const MAX_SAID_CHARS = 300;

/**
 * The error an unwelcome status stands for, with what the registry said about it (bounded, without control
 * characters). Reads and ends the body. `what` continues "Cannot …".
 */
export async function registryError(response: HttpResponse, what: string, host: string): Promise<TransportError> {
  const said = await readSaid(response);
  const state = `${STATE.get(response.status) ?? `the registry answered ${response.status}`}${said === "" ? "" : ` (${said})`}`;
  const code = codeOf(response.status);
  const hint = hintOf(code, host);
  const wishMs = parseRetryAfterMs(response.headers);
  return new TransportError(code, `Cannot ${what}: ${state}`, {
    ...(hint === undefined ? {} : { hint }),
    data: { status: response.status, ...(wishMs === undefined ? {} : { retryAfterMs: wishMs }) },
  });
}

const STATE: ReadonlyMap<number, string> = new Map([
  [401, "not logged in, or the credentials are wrong"],
  [403, "the registry denies access"],
  [404, "not found"],
  [429, "the registry limits the rate of requests"],
]);

function codeOf(status: number): TransportErrorCode {
  if (status === 404) return "transport/not-found";
  if (status === 401 || status === 403) return "transport/unauthorized";
  if (status === 429) return "transport/rate-limited";
  if (status === 408 || status >= 500) return "transport/unavailable";
  return "transport/bad-answer";
}

function hintOf(code: TransportErrorCode, host: string): string | undefined {
  if (code === "transport/unauthorized") {
    return `put credentials into ~/.config/containers/auth.json or run podman login ${host}, then try again`;
  }
  if (code === "transport/not-found") return "check the name and the tag";
  if (code === "transport/rate-limited") return `wait, or log in with podman login ${host} for a higher limit`;
  if (code === "transport/unavailable") return "try again later";
  return "check that this host is an OCI registry";
}

/** Seconds, or a date taken relative to the answer's own Date header, so that no clock is needed. */
function parseRetryAfterMs(headers: Headers): number | undefined {
  const value = headers.get("retry-after")?.trim();
  if (value === undefined || value === "") return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const waitMs = Date.parse(value) - Date.parse(headers.get("date") ?? "");
  return Number.isFinite(waitMs) ? Math.max(0, waitMs) : undefined;
}

async function readSaid(response: HttpResponse): Promise<string> {
  try {
    return formatSaid(await response.readText(MAX_ERROR_BODY_BYTES));
  } catch {
    return ""; // the status already is the reason; a broken or huge error page adds nothing
  }
}

function formatSaid(body: string): string {
  let document: unknown;
  try {
    document = JSON.parse(body);
  } catch {
    return ""; // an HTML page or nothing: not for a terminal
  }
  const errors = isRecord(document) ? document["errors"] : undefined;
  const said = Array.isArray(errors) ? errors.slice(0, 5).flatMap(formatOne) : [];
  return said
    .join("; ")
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, "")
    .slice(0, MAX_SAID_CHARS);
}

function formatOne(error: unknown): string[] {
  if (!isRecord(error)) return [];
  const parts = [error["code"], error["message"]].filter((part) => typeof part === "string" && part !== "");
  return parts.length === 0 ? [] : [parts.join(": ")];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
