import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { EngineError } from "../base/errors.ts";
import type { HttpRequest } from "./host.ts";
import { redactUrl } from "./http/redact-url.ts";
import { createHttpClient } from "./http.ts";

const servers: { stop(force: boolean): unknown }[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
});

function serve(answer: (request: Request) => Response | Promise<Response>): string {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: answer, idleTimeout: 60 });
  servers.push(server);
  return `http://127.0.0.1:${server.port}`;
}

function client(allowHttp = true) {
  return createHttpClient({ caFiles: [], insecureTls: false, allowHttp, userAgent: "gantry-test" });
}

async function codeOf(request: HttpRequest, limitBytes = 100, signal?: AbortSignal): Promise<string> {
  try {
    const answer = await client().send(request, signal === undefined ? {} : { signal });
    await answer.readBytes(limitBytes);
  } catch (reason) {
    return reason instanceof EngineError ? reason.code : String(reason);
  }
  return "nothing thrown";
}

test("createHttpClient() sends headers and hands back the raw body", async () => {
  const packed = Bun.gzipSync(new TextEncoder().encode("hello"));
  const url = serve(
    (r) =>
      new Response(packed, { headers: { "content-encoding": "gzip", "x-agent": r.headers.get("user-agent") ?? "" } }),
  );
  const answer = await client().send({ url });
  expect(answer.headers.get("x-agent")).toBe("gantry-test");
  expect(await answer.readBytes(1000)).toEqual(new Uint8Array(packed));
});

test("createHttpClient() strips credentials on the way to another host only", async () => {
  const seen: (string | null)[] = [];
  const other = serve((r) => {
    seen.push(r.headers.get("authorization"));
    return new Response("other");
  });
  const url = serve((r) => {
    seen.push(r.headers.get("authorization"));
    const next = new URL(r.url).pathname === "/a" ? "/b" : `${other}/c`;
    return new Response(null, { status: 307, headers: { location: next } });
  });
  const answer = await client().send({ url: `${url}/a`, headers: { Authorization: "Bearer x" } });
  expect(await answer.readText(10)).toBe("other");
  expect(answer.url).toBe(`${other}/c`);
  expect(seen).toEqual(["Bearer x", "Bearer x", null]);
});

test("createHttpClient() refuses http unless allowed", async () => {
  const sent = client(false).send({ url: "http://127.0.0.1:1/" });
  expect(await sent.catch((reason: EngineError) => reason.code)).toBe("sys/http-failed");
});

test("createHttpClient() gives up on endless redirects, oversized bodies, silence and dead ports", async () => {
  const loop = serve(() => new Response(null, { status: 302, headers: { location: "/" } }));
  const big = serve(() => new Response("x".repeat(1000)));
  const silent = serve(() => new Promise<Response>(() => {}));
  const stalled = serve(() => new Response(new ReadableStream({ start: (c) => c.enqueue(new Uint8Array(1)) })));
  expect(await codeOf({ url: loop, maxRedirects: 3 })).toBe("sys/http-failed");
  expect(await codeOf({ url: big })).toBe("sys/too-large");
  expect(await codeOf({ url: silent, idleTimeoutMs: 50 })).toBe("sys/timeout");
  expect(await codeOf({ url: stalled, idleTimeoutMs: 50 })).toBe("sys/timeout");
  expect(await codeOf({ url: "http://127.0.0.1:1/" })).toBe("sys/http-failed");
});

test("createHttpClient() ends with the caller's own reason when aborted", async () => {
  const silent = serve(() => new Promise<Response>(() => {}));
  const abort = new AbortController();
  const pending = codeOf({ url: silent }, 1, abort.signal);
  abort.abort("stopped");
  expect(await pending).toBe("stopped");
});

test("createHttpClient() refuses an unknown authority and accepts it from a CA file", async () => {
  using dir = temporaryDirectory();
  const [key, cert] = [`${dir.path}/key.pem`, `${dir.path}/cert.pem`];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
  Bun.spawnSync([
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "2",
    "-keyout",
    key,
    "-out",
    cert,
    ...subject,
  ]);
  const tls = { key: Bun.file(key), cert: Bun.file(cert) };
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", tls, fetch: () => new Response("safe") });
  servers.push(server);
  const url = `https://127.0.0.1:${server.port}/`;
  expect(await codeOf({ url })).toBe("sys/http-tls");
  const trusting = createHttpClient({ caFiles: [cert], insecureTls: false, allowHttp: false, userAgent: "t" });
  expect(await (await trusting.send({ url })).readText(10)).toBe("safe");
  const careless = createHttpClient({ caFiles: [], insecureTls: true, allowHttp: false, userAgent: "t" });
  expect(await (await careless.send({ url })).readText(10)).toBe("safe");
});

function temporaryDirectory(): Disposable & { readonly path: string } {
  const path = mkdtempSync(`${tmpdir()}/gantry-http-`);
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

test("redactUrl() hides passwords and secret parameters", () => {
  expect(redactUrl("https://u:p@h/x?X-Amz-Signature=abc&page=2")).toBe("https://h/x?X-Amz-Signature=redacted&page=2");
});
