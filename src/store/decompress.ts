import { createGunzip, createZstdDecompress } from "node:zlib";
import { formatReason } from "../base/errors.ts";
import { badArchive } from "../image/layer/bad-archive.ts";
import type { LayerFormat } from "../image/media-types.ts";

const OUTPUT_CHUNK_BYTES = 1024 * 1024;

/**
 * The bytes inside a packed layer. Concatenated gzip members and zstd frames are one stream; anything else after them is
 * an error, because two tools could then see two contents. Memory stays at a few chunks whatever the ratio.
 * Bun's zstd does not notice that a stream was cut short (1.4.5): the caller's diffID check does.
 * @throws {ImageError} "image/bad-layer" while iterating.
 */
export async function* decompress(
  packed: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  compression: LayerFormat["compression"],
): AsyncIterable<Uint8Array> {
  if (compression === "none") {
    yield* packed;
    return;
  }
  const options = { chunkSize: OUTPUT_CHUNK_BYTES };
  const stream = compression === "gzip" ? createGunzip(options) : createZstdDecompress(options);
  let fedBytes = 0;
  const feeding = feed(stream, packed, (count) => (fedBytes += count));
  // Whatever fails first destroys the stream, and the loop below throws it.
  feeding.catch((reason: unknown) =>
    stream.destroy(reason instanceof Error ? reason : new DOMException(formatReason(reason))),
  );
  try {
    for await (const chunk of stream) yield chunk;
    await feeding;
  } catch (reason) {
    throw isZlibError(reason)
      ? badArchive(`its ${compression} stream is damaged (${formatReason(reason)})`, reason)
      : reason;
  } finally {
    stream.destroy();
  }
  if (stream.bytesWritten < fedBytes) throw badArchive(`something follows its ${compression} stream`);
}

async function feed(
  stream: ReturnType<typeof createGunzip>,
  packed: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  count: (bytes: number) => void,
): Promise<void> {
  for await (const chunk of packed) {
    if (stream.destroyed) return;
    count(chunk.byteLength);
    if (!stream.write(chunk)) await new Promise<void>((go) => onceEither(stream, go));
  }
  stream.end();
}

/** A destroyed stream never drains: wait for whichever comes. */
function onceEither(stream: ReturnType<typeof createGunzip>, go: () => void): void {
  const done = (): void => {
    stream.off("drain", done);
    stream.off("close", done);
    go();
  };
  stream.on("drain", done);
  stream.on("close", done);
}

function isZlibError(reason: unknown): boolean {
  if (!(reason instanceof Error) || !("code" in reason) || typeof reason.code !== "string") return false;
  return /^(Z_|ZSTD_|ERR_ZSTD|ERR_BROTLI|ERR_ZLIB)/.test(reason.code);
}
