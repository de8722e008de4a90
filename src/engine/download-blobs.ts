import type { Descriptor } from "../image/descriptor.ts";
import type { PartialBlob } from "../store/partial-blob.ts";
import { TransportError } from "../transport/errors.ts";
import type { ImageSource } from "../transport/image-source.ts";
import type { EngineContext } from "./context.ts";

const PARALLEL = 4;
const ATTEMPTS = 5;

/**
 * Brings blobs into the store, several at once, each once per machine whoever asks; a broken download goes on where it
 * stopped. Nothing is visible before digest and size are right.
 * @throws {StoreError} "store/content-mismatch"; {TransportError}
 */
export async function downloadBlobs(
  ctx: EngineContext,
  { source, blobs }: { readonly source: ImageSource; readonly blobs: readonly Descriptor[] },
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const waiting = [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
  // One failure stops the others: their bytes so far stay for the next attempt.
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const worker = async () => {
    for (let blob = waiting.shift(); blob !== undefined; blob = waiting.shift()) {
      await downloadBlob(ctx, { source, blob }, { signal });
    }
  };
  const workers = Array.from({ length: Math.min(PARALLEL, waiting.length) }, worker);
  try {
    await Promise.all(workers);
  } catch (reason) {
    stop.abort(reason);
    await Promise.allSettled(workers);
    throw reason;
  }
}

async function downloadBlob(
  ctx: EngineContext,
  { source, blob }: { readonly source: ImageSource; readonly blob: Descriptor },
  options: { readonly signal: AbortSignal },
): Promise<void> {
  using partial = await ctx.images.openPartialBlob(blob, options);
  if (partial === undefined) return;
  await receiveBlob(ctx, { source, blob, partial }, options);
  partial.finish();
}

/** Sees the bytes of a blob, in order and before they are verified. */
export interface BlobWatcher {
  /** The download goes on when this has resolved. The chunk is not written to afterwards. */
  chunk(bytes: Uint8Array): Promise<void>;
  /** The source began again at the first byte. */
  restart(): void;
}

/**
 * Downloads what a partial blob lacks; a download that breaks off is taken up again a few times.
 * @throws {TransportError}; {StoreError} "store/content-mismatch" past the announced size
 */
export async function receiveBlob(
  ctx: EngineContext,
  want: {
    readonly source: ImageSource;
    readonly blob: Descriptor;
    readonly partial: PartialBlob;
    readonly watcher?: BlobWatcher;
  },
  options: { readonly signal: AbortSignal },
): Promise<void> {
  const { blob, partial } = want;
  const { progress } = ctx.options;
  progress?.begin(blob.digest, blob.digest.slice(7, 19), blob.sizeBytes);
  try {
    for (let attempt = 1; partial.startAt < blob.sizeBytes; attempt += 1) {
      const before = partial.startAt;
      try {
        await receiveOnce(ctx, want, options);
        if (partial.startAt === before) break;
      } catch (reason) {
        const isWorthRetrying =
          reason instanceof TransportError && reason.code === "transport/unavailable" && partial.startAt > before;
        if (!isWorthRetrying || attempt >= ATTEMPTS) throw reason;
      }
    }
  } finally {
    progress?.end(blob.digest);
  }
}

async function receiveOnce(
  ctx: EngineContext,
  { source, blob, partial, watcher }: Parameters<typeof receiveBlob>[1],
  options: { readonly signal: AbortSignal },
): Promise<void> {
  const stream = await source.openBlob(blob, partial.startAt, options);
  if (stream.startedAt !== partial.startAt) {
    partial.restart();
    watcher?.restart();
  }
  for await (const chunk of stream.chunks) {
    partial.append(chunk);
    ctx.options.progress?.advance(blob.digest, chunk.byteLength);
    await watcher?.chunk(chunk);
  }
}
