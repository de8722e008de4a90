import { PodError } from "../pod/errors.ts";
import { readPodManifest } from "../pod/pod-store.ts";
import type { EngineContext } from "./context.ts";
import type { PodLogsInput } from "./engine-calls.ts";
import { type LogCursor, readOn, skipToTail } from "./log-cursor.ts";
import { stage1Of } from "./regimes.ts";
import type { LogChunk } from "./use-cases.ts";

const POLL_MS = 50;

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
  const cursors = openCursors(ctx, { ...input, pod: id });
  for (const cursor of cursors) skipToTail(ctx.pods.files(location()), cursor, input.tailLines);
  for (let isLast = !input.follow; ; ) {
    let got = false;
    // The state is looked at first: what was written before the end is then still read.
    const hasEnded = isLast || ctx.pods.state(location()) !== "running";
    for (const cursor of cursors) {
      for (const chunk of readOn(ctx.pods.files(location()), cursor)) {
        got = true;
        yield { app: cursor.app, ...chunk };
      }
    }
    if (isLast) return;
    options.signal?.throwIfAborted();
    isLast = hasEnded && !got;
    if (!got && !isLast) await Bun.sleep(POLL_MS);
  }
}

function openCursors(ctx: EngineContext, input: PodLogsInput): LogCursor[] {
  const files = ctx.pods.files(ctx.pods.find(input.pod));
  const manifest = readPodManifest(files);
  const known = manifest?.apps.map((app) => app.name) ?? [];
  const unknown = input.apps.find((app) => !known.some((name) => name === app));
  if (unknown !== undefined) {
    throw new PodError("pod/unknown-app", `Cannot show output of app "${unknown}": pod ${input.pod} has no such app`, {
      hint: `its apps: ${known.join(", ")}`,
    });
  }
  const stage1 = stage1Of(manifest);
  return known
    .filter((app) => input.apps.length === 0 || input.apps.includes(app))
    .flatMap((app): LogCursor[] => {
      const log = stage1.log(files, app);
      if (log.kind === "cri") return [{ app, kind: "cri", rel: log.path, streams: input.streams, at: 0 }];
      return input.streams.map((stream) => ({ app, kind: "raw", rel: log[stream], stream, at: 0 }));
    });
}
