import { SysError } from "./errors.ts";
import type { HttpClient, HttpRequest, HttpResponse } from "./host.ts";
import { toHttpResponse } from "./http/body-reader.ts";
import { type ClientPem, readCaCertificates, readClientCertificate } from "./http/ca-certificates.ts";
import { httpError } from "./http/http-error.ts";
import { IdleTimer } from "./http/idle-timer.ts";
import { redactUrl } from "./http/redact-url.ts";

/** Choices that hold for every exchange of a client. */
export interface HttpClientOptions {
  /** PEM files whose authorities are trusted besides the system's. */
  readonly caFiles: readonly string[];
  /** Accepts every server certificate. */
  readonly insecureTls: boolean;
  /** Accepts http: URLs, also as the target of a redirect. */
  readonly allowHttp: boolean;
  readonly userAgent: string;
  /** PEM files shown to servers that ask who we are. */
  readonly clientCertificate?: { readonly certFile: string; readonly keyFile: string };
  /** For requests that set none; default 30 s. */
  readonly idleTimeoutMs?: number;
}

const DEFAULT_IDLE_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_REDIRECTS = 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Headers that belong to one host only. */
const CREDENTIALS = new Set(["authorization", "cookie", "proxy-authorization"]);

/**
 * HTTP over the runtime's fetch. Bodies arrive undecoded; HTTP_PROXY, HTTPS_PROXY and NO_PROXY are honoured.
 * Every URL passes the `allowHttp` check, every redirect too.
 */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  let ca: Promise<string[] | undefined> | undefined;
  let client: ClientPem | undefined;
  return {
    async send(request, { signal } = {}) {
      ca ??= readCaCertificates(options.caFiles);
      client ??= readClientCertificate(options.clientCertificate);
      return sendFollowing({ options, ca: await ca, client }, request, signal);
    },
  };
}

interface Settings {
  readonly options: HttpClientOptions;
  readonly ca: readonly string[] | undefined;
  readonly client: ClientPem;
}

async function sendFollowing(settings: Settings, request: HttpRequest, signal?: AbortSignal): Promise<HttpResponse> {
  const maxRedirects = request.maxRedirects ?? DEFAULT_MAX_REDIRECTS;
  let hop = { ...request, headers: lowerNames(request.headers) };
  for (let followed = 0; ; followed++) {
    const timer = new IdleTimer(
      hop.url,
      request.idleTimeoutMs ?? settings.options.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS,
      signal,
    );
    const response = await sendOnce(settings, hop, timer);
    const location = REDIRECTS.has(response.status) ? response.headers.get("location") : null;
    if (location === null || maxRedirects === 0) return toHttpResponse(response, hop.url, timer);
    timer[Symbol.dispose]();
    await response.body?.cancel();
    if (followed >= maxRedirects) {
      throw new SysError(
        "sys/http-failed",
        `Cannot reach "${redactUrl(request.url)}": more than ${maxRedirects} redirects`,
      );
    }
    hop = nextHop(hop, response.status, location);
  }
}

type Hop = HttpRequest & { readonly headers: Readonly<Record<string, string>> };

async function sendOnce({ options, ca, client }: Settings, hop: Hop, timer: IdleTimer): Promise<Response> {
  try {
    assertAllowed(hop.url, options.allowHttp);
    return await fetch(hop.url, {
      method: hop.method ?? "GET",
      headers: { "user-agent": options.userAgent, ...hop.headers },
      ...(hop.body === undefined ? {} : { body: toBody(hop.body) }),
      redirect: "manual",
      decompress: false,
      signal: timer.signal,
      tls: { rejectUnauthorized: !options.insecureTls, ...(ca === undefined ? {} : { ca: [...ca] }), ...client },
    });
  } catch (reason) {
    timer[Symbol.dispose]();
    throw httpError(reason, hop.url, timer.signal);
  }
}

function toBody(body: NonNullable<HttpRequest["body"]>): Uint8Array<ArrayBuffer> | string | ReadableStream<Uint8Array> {
  if (typeof body === "string") return body;
  return body instanceof Uint8Array ? (body as Uint8Array<ArrayBuffer>) : toStream(body);
}

function toStream(body: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await chunks.next();
      if (next.done === true) controller.close();
      else controller.enqueue(next.value);
    },
    cancel: async () => void (await chunks.return?.()),
  });
}

function assertAllowed(url: string, allowHttp: boolean): void {
  const protocol = URL.canParse(url) ? new URL(url).protocol : "";
  if (protocol === "https:" || (protocol === "http:" && allowHttp)) return;
  if (protocol === "http:") {
    throw new SysError("sys/http-failed", `Cannot fetch "${redactUrl(url)}": plain http is not allowed`, {
      hint: "use https, or allow it with --insecure-options=http",
    });
  }
  throw new SysError("sys/http-failed", `Cannot fetch "${redactUrl(url)}": it is neither an https nor an http URL`, {
    hint: "write the URL as https://HOST/PATH",
  });
}

function nextHop(hop: Hop, status: number, location: string): Hop {
  if (!URL.canParse(location, hop.url)) {
    throw new SysError(
      "sys/http-failed",
      `Cannot follow the redirect of "${redactUrl(hop.url)}": its target is malformed`,
    );
  }
  const [from, to] = [new URL(hop.url), new URL(location, hop.url)];
  const keepsCredentials = to.host === from.host && (to.protocol === from.protocol || to.protocol === "https:");
  const headers = Object.entries(hop.headers).filter(([name]) => keepsCredentials || !CREDENTIALS.has(name));
  const method = hop.method ?? "GET";
  const becomesGet = (status === 303 && method !== "HEAD") || ((status === 301 || status === 302) && method === "POST");
  if (!becomesGet) return { ...hop, url: to.href, headers: Object.fromEntries(headers) };
  const { body: _, ...rest } = hop;
  const bare = headers.filter(([name]) => !name.startsWith("content-"));
  return { ...rest, url: to.href, method: "GET", headers: Object.fromEntries(bare) };
}

function lowerNames(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
