import type { PartialBlob } from "../store/partial-blob.ts";
import { type LayerTask, type StagedLayer, stageLayer } from "../store/stage-layer.ts";
import type { Durability } from "../store/unpack-layer.ts";
import type { EngineContext } from "./context.ts";
import type { BlobWatcher } from "./download-blobs.ts";
import { unpackTools } from "./ensure-layers.ts";

/** Packed bytes that wait for the unpacker before the download does. */
const QUEUE_BYTES = 2 * 1024 * 1024;

/**
 * Receives a blob and unpacks it at the same time. The blob is verified before the unpacker sees its end, so a layer of
 * other bytes is never complete. undefined: the layer has to be unpacked later, from the stored blob.
 * @throws what `receive` throws; what `stageLayer` throws
 */
export async function unpackWhileReceiving(
  ctx: EngineContext,
  {
    task,
    partial,
    durability,
  }: { readonly task: LayerTask; readonly partial: PartialBlob; readonly durability: Durability },
  receive: (watcher: BlobWatcher) => Promise<void>,
): Promise<StagedLayer | undefined> {
  const feed = new UnpackFeed(ctx, task, durability);
  try {
    for (const chunk of partial.existing()) await feed.chunk(chunk);
    await receive(feed);
    partial.verify();
  } catch (reason) {
    await feed.abandon(reason);
    throw reason;
  }
  return await feed.finish();
}

class UnpackFeed implements BlobWatcher {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stop = new AbortController();
  readonly #job: Promise<StagedLayer | undefined>;
  /** Nobody reads any more: the job has ended, or is not wanted. */
  #isOver = false;
  #isAbandoned = false;
  #ending: Promise<void> | undefined;

  constructor(ctx: EngineContext, task: LayerTask, durability: Durability) {
    const queue = new TransformStream<Uint8Array, Uint8Array>(
      {},
      { highWaterMark: QUEUE_BYTES, size: (chunk) => chunk?.byteLength ?? 0 },
    );
    this.#writer = queue.writable.getWriter();
    this.#writer.closed.catch(() => undefined); // told through the job
    // What the lowest layer is on top of is known from the start: nothing.
    const lower = task.chainId === task.diffId ? { lowerDirs: [] } : {};
    const options = { packed: queue.readable, signal: this.#stop.signal, durability };
    this.#job = stageLayer(unpackTools(ctx), { task, ...lower }, options).finally(() => {
      this.#isOver = true;
    });
    this.#job.catch(() => undefined); // thrown by `finish`
  }

  async chunk(bytes: Uint8Array): Promise<void> {
    const ended = this.#job.catch(() => undefined);
    if (!this.#isOver) await Promise.race([this.#writer.ready.catch(() => undefined), ended]);
    // The download goes on even so: only the whole tells whether the layer is damaged or other bytes were sent.
    if (!this.#isOver && !this.#isAbandoned) this.#writer.write(bytes).catch(() => undefined);
  }

  restart(): void {
    this.#ending = this.abandon(new DOMException("the download began anew", "AbortError"));
  }

  async abandon(reason: unknown): Promise<void> {
    this.#isAbandoned = true;
    this.#stop.abort(reason);
    await this.#writer.abort(reason).catch(() => undefined);
    const layer = await this.#job.catch(() => undefined);
    layer?.[Symbol.dispose]();
  }

  async finish(): Promise<StagedLayer | undefined> {
    await this.#ending;
    if (this.#isAbandoned) return undefined;
    if (!this.#isOver) this.#writer.close().catch(() => undefined);
    return await this.#job;
  }
}
