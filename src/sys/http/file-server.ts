import type { Files } from "../host.ts";

/** What may be fetched: a file beneath the served directory, and how it is sent. */
export interface ServedFile {
  readonly rel: string;
  readonly contentType: string;
  /** Never changes, so that clients may keep it. */
  readonly immutable: boolean;
}

/** A server for reading. Ends when disposed. */
export interface FileServer extends AsyncDisposable {
  /** Host and port it listens on. */
  readonly address: string;
}

/** Serves files of one directory by GET and HEAD; `find` decides which, everything else is 404. */
export function serveFiles(
  files: Files,
  listen: { readonly hostname: string; readonly port: number },
  find: (path: string) => ServedFile | undefined,
): FileServer {
  const server = Bun.serve({
    ...listen,
    fetch: (request) => answerWithFile(files, request, find),
  });
  return {
    address: `${listen.hostname}:${server.port}`,
    async [Symbol.asyncDispose]() {
      await server.stop(true);
    },
  };
}

/** The answer to one request for a file; see `serveFiles`. */
export function answerWithFile(
  files: Files,
  request: Request,
  find: (path: string) => ServedFile | undefined,
): Response {
  if (request.method !== "GET" && request.method !== "HEAD") return new Response("read only\n", { status: 405 });
  const served = find(new URL(request.url).pathname);
  if (served === undefined || files.stat(served.rel)?.kind !== "file") {
    return new Response("not found\n", { status: 404 });
  }
  const cacheControl = served.immutable ? "public, max-age=31536000, immutable" : "no-cache";
  const headers = { "content-type": served.contentType, "cache-control": cacheControl };
  return new Response(Bun.file(files.path(served.rel)), { headers });
}
