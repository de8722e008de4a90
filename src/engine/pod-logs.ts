import { PodError } from "../pod/errors.ts";
import { readPodManifest } from "../pod/pod-store.ts";
import type { Files } from "../sys/host.ts";
import type { EngineContext } from "./context.ts";
import type { PodLogsInput } from "./engine-calls.ts";
import type { LogChunk } from "./use-cases.ts";

const POLL_MS = 50;
const TAIL_BLOCK_BYTES = 64 * 1024;

/**
 * Output of a pod's apps, stdout and stderr apart, also after the pod has ended. With `follow` it goes on until the pod
 * ends. Bytes are as the apps wrote them. @throws {PodError} "pod/unknown-app"
 */
export async function* podLogs(
  ctx: EngineContext,
  input: PodLogsInput,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<LogChunk> {
  const id = ctx.pods.find(input.pod).id;
  const location = () => ctx.pods.find(id);
  const manifest = readPodManifest(ctx.pods.files(location()));
  const known = manifest?.apps.map((app) => app.name as string) ?? [];
  const unknown = input.apps.find((app) => !known.includes(app));
  if (unknown !== undefined) {
    throw new PodError("pod/unknown-app", `Cannot show output of app "${unknown}": pod ${id} has no such app`, {
      hint: `its apps: ${known.join(", ")}`,
    });
  }
  const apps = input.apps.length > 0 ? input.apps : known;
  const cursors = apps.flatMap((app) => input.streams.map((stream) => ({ app, stream, at: 0 })));
  const files = ctx.pods.files(location());
  for (const cursor of cursors)
    cursor.at = startOf(files, { rel: `logs/${cursor.app}/${cursor.stream}`, tailLines: input.tailLines });
  for (let isLast = !input.follow; ; ) {
    let got = false;
    // The state is looked at first: what was written before the end is then still read.
    const hasEnded = isLast || ctx.pods.state(location()) !== "running";
    for (const cursor of cursors) {
      for (const bytes of readFrom(ctx.pods.files(location()), cursor)) {
        got = true;
        cursor.at += bytes.byteLength;
        yield { app: cursor.app, stream: cursor.stream, bytes };
      }
    }
    if (isLast) return;
    options.signal?.throwIfAborted();
    isLast = hasEnded && !got;
    if (!got && !isLast) await Bun.sleep(POLL_MS);
  }
}

function* readFrom(
  files: Files,
  cursor: { readonly app: string; readonly stream: string; readonly at: number },
): Generator<Uint8Array> {
  const rel = `logs/${cursor.app}/${cursor.stream}`;
  if ((files.stat(rel)?.sizeBytes ?? 0) > cursor.at) yield* files.readChunks(rel, cursor.at);
}

/** Byte at which the last `tailLines` lines begin. */
function startOf(
  files: Files,
  { rel, tailLines }: { readonly rel: string; readonly tailLines: number | undefined },
): number {
  const size = files.stat(rel)?.sizeBytes ?? 0;
  if (tailLines === undefined) return 0;
  let newlines = 0;
  for (let end = size; end > 0; ) {
    const from = Math.max(0, end - TAIL_BLOCK_BYTES);
    const block = firstBytes(files.readChunks(rel, from), end - from);
    for (let i = block.length - 1; i >= 0; i -= 1) {
      // The newline that ends the last line begins no other.
      if (block[i] !== 0x0a || from + i === size - 1) continue;
      newlines += 1;
      if (newlines === tailLines) return from + i + 1;
    }
    end = from;
  }
  return tailLines === 0 ? size : 0;
}

function firstBytes(chunks: Iterable<Uint8Array>, count: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let got = 0;
  for (const chunk of chunks) {
    parts.push(chunk.subarray(0, count - got));
    got += chunk.byteLength;
    if (got >= count) break;
  }
  return Buffer.concat(parts);
}
