import { SysError } from "../../sys/errors.ts";
import type { HttpClient, HttpResponse } from "../../sys/host.ts";

/** A small HttpClient over `fetch` for tests of transport and discovery; trusts the given CA certificates (PEM) only. */
export function createFetchClient(options: { readonly caPem?: string } = {}): HttpClient {
  return {
    async send(request, { signal } = {}) {
      const aborts = [AbortSignal.timeout(request.idleTimeoutMs ?? 300), ...(signal === undefined ? [] : [signal])];
      try {
        const response = await fetch(request.url, {
          method: request.method ?? "GET",
          headers: { ...request.headers },
          redirect: request.maxRedirects === 0 ? "manual" : "follow",
          decompress: false,
          signal: AbortSignal.any(aborts),
          ...(request.body === undefined ? {} : { body: Buffer.from(request.body) }),
          ...(options.caPem === undefined ? {} : { tls: { ca: options.caPem } }),
        });
        return wrap(response);
      } catch (reason) {
        throw failed(reason);
      }
    },
  };
}

function wrap(response: Response): HttpResponse {
  const readBytes = async (limitBytes: number) => {
    try {
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (bytes.byteLength > limitBytes) throw new SysError("sys/too-large", "Cannot read the answer: too large");
      return bytes;
    } catch (reason) {
      throw reason instanceof SysError ? reason : failed(reason);
    }
  };
  return {
    status: response.status,
    headers: response.headers,
    url: response.url,
    readBytes,
    readText: async (limitBytes) => new TextDecoder().decode(await readBytes(limitBytes)),
    async *chunks() {
      try {
        if (response.body !== null) yield* response.body;
      } catch (reason) {
        throw failed(reason);
      }
    },
    discard: async () => void (await response.body?.cancel()),
  };
}

function failed(reason: unknown): SysError {
  return new SysError("sys/http-failed", "Cannot complete the HTTP request", { cause: reason });
}
