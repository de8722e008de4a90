import { SysError } from "../errors.ts";
import type { HttpResponse } from "../host.ts";
import { httpError } from "./http-error.ts";
import type { IdleTimer } from "./idle-timer.ts";
import { redactUrl } from "./redact-url.ts";

/** The bounded view of one answer; owns `timer` from here on. */
export function toHttpResponse(response: Response, url: string, timer: IdleTimer): HttpResponse {
  const chunks = () => readChunks(response, url, timer);
  const readBytes = async (limitBytes: number) => collect(chunks(), url, limitBytes);
  return {
    status: response.status,
    headers: response.headers,
    url,
    readBytes,
    readText: async (limitBytes) => new TextDecoder().decode(await readBytes(limitBytes)),
    chunks,
    async discard() {
      timer[Symbol.dispose]();
      await response.body?.cancel();
    },
  };
}

async function* readChunks(response: Response, url: string, timer: IdleTimer): AsyncGenerator<Uint8Array> {
  using _ = timer;
  if (response.body === null) return;
  const reader = response.body.getReader();
  const stop = () => void reader.cancel(timer.signal.reason).catch(() => {}); // the abort reason is thrown below
  timer.signal.addEventListener("abort", stop, { once: true });
  let isFinished = false;
  try {
    for (;;) {
      timer.restart();
      const { done, value } = await reader.read();
      if (timer.signal.aborted) throw timer.signal.reason;
      if (done) break;
      yield value;
    }
    isFinished = true;
  } catch (reason) {
    throw httpError(reason, url, timer.signal);
  } finally {
    timer.signal.removeEventListener("abort", stop);
    if (!isFinished) await reader.cancel().catch(() => {}); // the first failure is the one to report
  }
}

async function collect(chunks: AsyncIterable<Uint8Array>, url: string, limitBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > limitBytes) {
      throw new SysError("sys/too-large", `Cannot read "${redactUrl(url)}": it has more than ${limitBytes} bytes`, {
        hint: "check that the address is the right one: the answer is larger than such a document may be",
        data: { limitBytes },
      });
    }
    parts.push(chunk);
  }
  return new Uint8Array(Buffer.concat(parts, sizeBytes));
}
