/** Where to listen, and how. */
export interface ServerOptions {
  readonly hostname: string;
  readonly port: number;
  /** PEM texts. Absent: plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Larger requests are refused before anybody reads them. */
  readonly maxBodyBytes: number;
}

/** A server that answers by a function. Ends when disposed. */
export interface RequestServer extends AsyncDisposable {
  /** Scheme, host and port it listens on. */
  readonly url: string;
}

const IDLE_SECONDS = 120;

/** Serves HTTP, or HTTPS. What `answer` throws becomes status 500 without its text. */
export function serveRequests(
  options: ServerOptions,
  answer: (request: Request) => Promise<Response> | Response,
): RequestServer {
  const { hostname, port, tls, maxBodyBytes } = options;
  const server = Bun.serve({
    hostname,
    port,
    ...(tls === undefined ? {} : { tls }),
    maxRequestBodySize: maxBodyBytes,
    idleTimeout: IDLE_SECONDS,
    fetch: answer,
    error: () => new Response("internal error\n", { status: 500 }),
  });
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return {
    url: `${tls === undefined ? "http" : "https"}://${host}:${server.port}`,
    async [Symbol.asyncDispose]() {
      await server.stop(true);
    },
  };
}
