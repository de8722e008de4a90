import { type ServerTls, startHttpServer } from "./registry/http-server.ts";

/** One page or file the server has. */
export interface ServedFile {
  readonly status?: number;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** A running web server that stands for any number of host names. */
export interface DiscoveryServer extends AsyncDisposable {
  readonly port: number;
  /** Origin under `hostname`, default `localhost`. */
  origin(hostname?: string): string;
  /** Puts a file at `path`, for one host name (without port) or, by default, for all. Replaces what was there. */
  serve(path: string, file: ServedFile, hostname?: string): void;
  /** `METHOD host/path?query` of every request so far. */
  readonly requests: readonly string[];
}

/**
 * Starts a web server on a free loopback port, or the one given, over https when `tls` is given: meta tags, keys, archives, signatures.
 * The query is not part of a path. What it does not have is 404.
 */
export async function startDiscoveryServer(
  options: { readonly tls?: ServerTls; readonly port?: number } = {},
): Promise<DiscoveryServer> {
  const files = new Map<string, ServedFile>();
  const requests: string[] = [];
  const server = await startHttpServer(({ method, url }) => {
    requests.push(`${method} ${url.hostname}${url.pathname}${url.search}`);
    const file = files.get(`${url.hostname}${url.pathname}`) ?? files.get(`*${url.pathname}`);
    if (file === undefined) return [{ status: 404, body: "not found" }, { kind: "whole" }];
    const headers = { "content-type": file.contentType ?? "application/octet-stream", ...file.headers };
    return [{ status: file.status ?? 200, headers, body: file.body }, { kind: "whole" }];
  }, options);
  const scheme = options.tls === undefined ? "http" : "https";
  return {
    port: server.port,
    origin: (hostname = "localhost") => `${scheme}://${hostname}:${server.port}`,
    serve: (path, file, hostname = "*") => void files.set(`${hostname}${path}`, file),
    requests,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** A page with meta tags in its head, as discovery reads it. `tags` are pairs of name and content. */
export function discoveryPage(tags: readonly (readonly [name: string, content: string])[]): ServedFile {
  const escapeText = (text: string) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
  const lines = tags.map(([name, content]) => `<meta name="${escapeText(name)}" content="${escapeText(content)}">`);
  return {
    contentType: "text/html; charset=utf-8",
    body: `<!doctype html><html><head><title>Images</title>\n${lines.join("\n")}\n</head><body></body></html>`,
  };
}
