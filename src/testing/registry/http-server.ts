import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";

/** Certificate and key of a server, PEM. */
export interface ServerTls {
  readonly certPem: string;
  readonly keyPem: string;
  /** Clients must show a certificate of this authority. */
  readonly clientCaPem?: string;
}

/** One request, its body read to the end. */
export interface TestRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** What a handler answers. */
export interface TestAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

/** How an answer leaves the server; anything but "whole" is a broken peer. */
export type Delivery =
  | { readonly kind: "whole" }
  | { readonly kind: "cut"; readonly afterBytes: number }
  | { readonly kind: "reset" }
  | { readonly kind: "never" };

/** A listening server; disposing ends it and every connection. */
export interface TestServer extends AsyncDisposable {
  readonly port: number;
}

/** Answers one request and says how the answer is to be delivered. */
export type TestHandler = (
  request: TestRequest,
) => Promise<readonly [TestAnswer, Delivery]> | readonly [TestAnswer, Delivery];

/** Serves on a free loopback port, or the one given, over https when `tls` is given. Bodies are kept in memory: for tests and the tour only. */
export async function startHttpServer(
  handle: TestHandler,
  options: { readonly tls?: ServerTls; readonly port?: number } = {},
): Promise<TestServer> {
  const { tls } = options;
  const scheme = tls === undefined ? "http" : "https";
  const listener: RequestListener = (request, response) => {
    serve(handle, { request, response, scheme }).catch((reason: unknown) =>
      request.socket.destroy(reason instanceof Error ? reason : undefined),
    );
  };
  const server =
    tls === undefined
      ? createHttpServer(listener)
      : createHttpsServer({ cert: tls.certPem, key: tls.keyPem, ...clientCheck(tls) }, listener);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", () => resolve());
  });
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function clientCheck({ clientCaPem }: ServerTls) {
  return clientCaPem === undefined ? {} : { ca: clientCaPem, requestCert: true, rejectUnauthorized: true };
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly scheme: string;
}

async function serve(handle: TestHandler, { request, response, scheme }: Exchange): Promise<void> {
  request.on("error", () => undefined); // a client that hangs up is none of the test's business
  response.on("error", () => undefined); // likewise
  const parts: Uint8Array[] = [];
  for await (const part of request) parts.push(part as Uint8Array);
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) headers.set(name, String(value));
  const url = new URL(request.url ?? "/", `${scheme}://${request.headers.host ?? "localhost"}`);
  const [answer, delivery] = await handle({
    method: request.method ?? "GET",
    url,
    headers,
    body: Buffer.concat(parts),
  });
  deliver({ request, response, scheme }, answer, delivery);
}

function deliver({ request, response }: Exchange, answer: TestAnswer, delivery: Delivery): void {
  if (delivery.kind === "never") return;
  if (delivery.kind === "reset") return void request.socket.destroy();
  const body =
    typeof answer.body === "string" ? Buffer.from(answer.body) : Buffer.from(answer.body ?? new Uint8Array());
  response.writeHead(answer.status, { "content-length": String(body.byteLength), ...answer.headers });
  if (request.method === "HEAD") return void response.end();
  if (delivery.kind === "whole") return void response.end(body);
  response.write(body.subarray(0, delivery.afterBytes), () => setTimeout(() => request.socket.destroy(), 5));
}
