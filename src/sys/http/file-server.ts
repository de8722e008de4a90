import type { Files } from "../host.ts";

/** What may be fetched: a file beneath the served directory, and how it is sent. */
export interface ServedFile {
  readonly rel: string;
  readonly contentType: string;
  /** Never changes, so that clients may keep it. */
  readonly immutable: boolean;
}

/** The answer to one request for a file of one directory: GET and HEAD; `find` decides which, everything else is 404. */
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
