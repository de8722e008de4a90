import { createHasher, splitDigest } from "../image/digest.ts";
import { TransportError } from "./errors.ts";
import type { OutgoingBlob, SinkOptions } from "./image-sink.ts";

/**
 * The whole blob, passed on as it comes; throws at its end (or when it gets too long) unless digest and size are as the
 * descriptor says, so whoever writes it must not show it before the loop has ended.
 * @throws {TransportError} "transport/bad-answer"
 */
export async function* checkStream(blob: OutgoingBlob, options: SinkOptions = {}): AsyncGenerator<Uint8Array> {
  const { digest, sizeBytes } = blob.descriptor;
  const hasher = createHasher(splitDigest(digest).algorithm);
  let gotBytes = 0;
  for await (const chunk of blob.open(0)) {
    options.signal?.throwIfAborted();
    gotBytes += chunk.byteLength;
    if (gotBytes > sizeBytes) break;
    hasher.update(chunk);
    yield chunk;
    options.onBytes?.(chunk.byteLength);
  }
  const got = hasher.digest();
  if (gotBytes === sizeBytes && got === digest) return;
  throw new TransportError("transport/bad-answer", `Cannot copy blob ${digest}: its content differs from its digest`, {
    hint: "do not trust this source; when it is the store: gantry image verify --repair",
    data: { want: digest, got, wantBytes: sizeBytes, gotBytes },
  });
}
