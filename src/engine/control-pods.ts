import { CHECKPOINT_FILE } from "../pod/checkpoint-record.ts";
import type { AppLimits } from "../pod/limits.ts";
import { lockCheckpoint } from "../pod/lock-checkpoint.ts";
import { Stage1Error } from "../stage1/errors.ts";
import { isTerminal } from "../sys/terminal.ts";
import type { EngineContext } from "./context.ts";
import { chooseApp, terminalOf } from "./exec-pod.ts";
import { podLogs } from "./pod-logs.ts";
import type { AttachPodInput, PodStats } from "./regime-calls.ts";
import { findRunningPod, notOffered } from "./running-pod.ts";

/** `pause` and `resume`. Idempotent. Returns the UUIDs. @throws {PodError} "pod/wrong-state"; {Stage1Error} "stage1/unsupported" */
export async function setPodsPaused(
  ctx: EngineContext,
  input: { readonly pods: readonly string[]; readonly paused: boolean },
): Promise<readonly string[]> {
  const what = input.paused ? "pause" : "resume";
  const done: string[] = [];
  for (const text of input.pods) {
    const { location, files, stage1 } = findRunningPod(ctx, text, what);
    if (stage1.pause === undefined || stage1.resume === undefined) throw notOffered(stage1, what);
    using _lock = lockCheckpoint(files, location.id);
    files.remove(CHECKPOINT_FILE); // of a checkpoint that was killed before the pod had ended: it goes on instead
    await stage1[what]?.(files, location.id);
    ctx.events.report({ type: input.paused ? "pod.paused" : "pod.resumed", pod: location.id });
    done.push(location.id);
  }
  return done;
}

/** `stats`: what running pods use now; without names, all of them. */
export async function podStats(
  ctx: EngineContext,
  input: { readonly pods: readonly string[] },
): Promise<readonly PodStats[]> {
  const wanted =
    input.pods.length > 0
      ? input.pods
      : ctx.pods.list().flatMap((pod) => (pod.dir === "run" && ctx.pods.state(pod) === "running" ? [pod.id] : []));
  const rows: PodStats[] = [];
  for (const text of wanted) {
    const { location, files, manifest, stage1 } = findRunningPod(ctx, text, "measure");
    if (stage1.stats === undefined) {
      if (input.pods.length > 0) throw notOffered(stage1, "measure");
      continue;
    }
    const use = await stage1.stats(files, manifest);
    rows.push({ uuid: location.id, ...(manifest.name === undefined ? {} : { name: manifest.name }), ...use });
  }
  return rows;
}

/** `update`: other limits for a running app. @throws {Stage1Error} "stage1/unsupported-host" for limits that cannot be set */
export async function updatePod(
  ctx: EngineContext,
  input: { readonly pod: string; readonly app?: string; readonly limits: AppLimits },
): Promise<{ readonly pod: string; readonly app: string }> {
  const { location, files, manifest, stage1 } = findRunningPod(ctx, input.pod, "limit");
  const app = chooseApp(manifest, { name: input.app, what: "set limits" });
  if (stage1.update === undefined) throw notOffered(stage1, "limit");
  const refused = await stage1.update(files, { manifest, app, limits: input.limits });
  if (refused.length > 0) {
    throw new Stage1Error("stage1/unsupported-host", `Cannot limit ${refused.join(", ")} of app "${app.name}"`, {
      hint: "see which controllers this host has: gantry doctor",
      data: { refused },
    });
  }
  ctx.events.report({ type: "pod.updated", pod: location.id, app: app.name, limits: Object.keys(input.limits) });
  return { pod: location.id, app: app.name };
}

/**
 * `attach`: joins the caller's terminal to a running app until it ends or the caller leaves. Regimes without a way to
 * pass input show the output from now on. Returns the app's exit code where it is known.
 */
export async function attachToPod(
  ctx: EngineContext,
  input: AttachPodInput,
  options: { readonly signal?: AbortSignal } = {},
): Promise<number> {
  const { location, files, manifest, stage1 } = findRunningPod(ctx, input.pod, "attach to");
  const app = chooseApp(manifest, { name: input.app, what: "attach" });
  ctx.events.report({
    type: "pod.attach",
    pod: location.id,
    app: app.name,
    ...terminalOf(ctx, { tty: isTerminal(0) }),
    image: { name: app.image.name, digest: app.image.digest },
  });
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const joined = await stage1.attach?.(files, { manifest, app, stdin: input.stdin, ...signal });
  if (joined !== undefined) return joined;
  const logs = {
    pod: location.id,
    apps: [app.name],
    follow: true,
    streams: ["stdout", "stderr"] as const,
    tailLines: 0,
  };
  for await (const chunk of podLogs(ctx, logs, options)) input.onOutput(chunk.stream, chunk.bytes);
  return stage1.appExit(ctx.pods.files(ctx.pods.find(location.id)), app.name)?.exitCode ?? 0;
}
