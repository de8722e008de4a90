import { formatReason } from "../../base/errors.ts";
import { SysError } from "../errors.ts";

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

/**
 * Serves HTTP, or HTTPS. What `answer` throws becomes status 500 without its text.
 * @throws {SysError} "sys/exists" when somebody listens there, "sys/permission", "sys/http-tls" for unusable PEM texts
 */
export function serveRequests(
  options: ServerOptions,
  answer: (request: Request) => Promise<Response> | Response,
): RequestServer {
  const { hostname, tls } = options;
  const server = listen(options, answer);
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return {
    url: `${tls === undefined ? "http" : "https"}://${host}:${server.port}`,
    async [Symbol.asyncDispose]() {
      await server.stop(true);
    },
  };
}

function listen(options: ServerOptions, answer: (request: Request) => Promise<Response> | Response) {
  const { hostname, port, tls, maxBodyBytes } = options;
  try {
    return Bun.serve({
      hostname,
      port,
      ...(tls === undefined ? {} : { tls }),
      maxRequestBodySize: maxBodyBytes,
      idleTimeout: IDLE_SECONDS,
      fetch: answer,
      error: () => new Response("internal error\n", { status: 500 }),
    });
  } catch (reason) {
    throw listenError(reason, `${hostname}:${port}`);
  }
}

function listenError(reason: unknown, address: string): SysError {
  const code = reason instanceof Error && "code" in reason ? String(reason.code) : "";
  const details = { cause: reason };
  if (code === "EADDRINUSE")
    return new SysError("sys/exists", `Cannot listen on "${address}": somebody listens there already`, {
      hint: "choose another port with --listen",
      ...details,
    });
  if (code === "EACCES")
    return new SysError("sys/permission", `Cannot listen on "${address}": no permission`, {
      hint: "choose a port from 1024 on with --listen",
      ...details,
    });
  if (code === "EADDRNOTAVAIL" || code === "ERR_INVALID_ARG_TYPE" || /listen|port/i.test(formatReason(reason)))
    return new SysError("sys/errno", `Cannot listen on "${address}": ${formatReason(reason)}`, {
      hint: "give an address of this host with --listen",
      ...details,
    });
  return new SysError("sys/http-tls", `Cannot serve HTTPS: ${formatReason(reason)}`, {
    hint: "give a PEM certificate and its PEM key",
    ...details,
  });
}
