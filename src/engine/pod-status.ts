import { formatTimestamp } from "../base/clock.ts";
import { PodError } from "../pod/errors.ts";
import type { PodManifest } from "../pod/manifest.ts";
import { type PodLocation, readPodManifest } from "../pod/pod-store.ts";
import { SysError } from "../sys/errors.ts";
import type { Files } from "../sys/host.ts";
import { attachmentStatuses } from "./attachment-statuses.ts";
import type { EngineContext } from "./context.ts";
import type { PodStatusInput } from "./engine-calls.ts";
import { UseCaseError } from "./errors.ts";
import { readReaped } from "./reap-pod.ts";
import { stage1Of } from "./regimes.ts";
import type { AppStatus, PodStatus } from "./use-cases.ts";

const POLL_MS = 20;
const SETTLE_MS = 2_000;
const ZERO_TIME = formatTimestamp(0);
/** Where pods are before their first start, none of which has left anything but a manifest. */
const NEVER_STARTED: ReadonlySet<PodLocation["dir"]> = new Set(["embryo", "prepare", "prepared"]);

/** Every pod, newest first. A damaged one is listed with what is known, so that it can be removed. */
export function listPods(ctx: EngineContext): PodStatus[] {
  return ctx.pods
    .list()
    .flatMap((location) => readStatusIfThere(ctx, location))
    .sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
}

/** One pod, now or when it is ready or has ended. @throws {UseCaseError} "engine/timeout" */
export async function podStatus(
  ctx: EngineContext,
  input: PodStatusInput,
  options: { readonly signal?: AbortSignal } = {},
): Promise<PodStatus> {
  const first = ctx.pods.find(input.pod);
  const { wait } = input;
  if (wait !== undefined) {
    const isDone = () => {
      const location = ctx.pods.find(first.id);
      if (location.dir !== "run") return location.dir === "exited-garbage" || location.dir === "garbage";
      if (ctx.pods.state(location) !== "running") return true;
      const manifest = wait.for === "ready" ? readPodManifest(ctx.pods.files(location)) : undefined;
      return manifest !== undefined && areAppsStarted(ctx, { location, manifest });
    };
    if (!(await waitUntil(isDone, wait.timeoutMs ?? Number.POSITIVE_INFINITY, options))) {
      throw new UseCaseError(
        "engine/timeout",
        `Cannot wait any longer for pod ${first.id}: it is ${ctx.pods.state(ctx.pods.find(first.id))}`,
        {
          hint: "give more time, or look at its output: gantry logs POD",
        },
      );
    }
  }
  // A supervisor may let go of the lock a moment before it has written down how its app ended.
  if (wait?.for === "exit") {
    const files = ctx.pods.files(ctx.pods.find(first.id));
    const stage1 = stage1Of(readPodManifest(files));
    await waitUntil(() => stage1.supervisorPid(files) === undefined, SETTLE_MS, options);
  }
  return readStatus(ctx, ctx.pods.find(first.id));
}

/** Polls until `isDone`; false when the time is up first. */
export async function waitUntil(
  isDone: () => boolean,
  timeoutMs: number,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<boolean> {
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    if (isDone()) return true;
    signal?.throwIfAborted();
    if (waitedMs >= timeoutMs) return false;
    await Bun.sleep(POLL_MS);
  }
}

/** Whether every app runs or has run. */
export function areAppsStarted(
  ctx: EngineContext,
  { location, manifest }: { readonly location: PodLocation; readonly manifest: PodManifest },
): boolean {
  const files = ctx.pods.files(location);
  const stage1 = stage1Of(manifest);
  return manifest.apps.every(
    ({ name }) =>
      stage1.appExit(files, name) !== undefined || stage1.isAppRunning(files, { id: location.id, app: name }),
  );
}

function readStatusIfThere(ctx: EngineContext, location: PodLocation): PodStatus[] {
  try {
    return [readStatus(ctx, location)];
  } catch (reason) {
    // Removed while we were looking.
    if (reason instanceof SysError && reason.code === "sys/not-found") return [];
    if (reason instanceof PodError && reason.code === "pod/bad-manifest") return [bareStatus(ctx, location)];
    throw reason;
  }
}

function bareStatus(ctx: EngineContext, location: PodLocation): PodStatus {
  return {
    uuid: location.id,
    state: shownState(ctx, location),
    stage1: "",
    createdAt: ZERO_TIME,
    hostname: "",
    labels: {},
    apps: [],
    networks: [],
    ports: [],
    insecureOptions: [],
  };
}

function shownState(ctx: EngineContext, location: PodLocation): PodStatus["state"] {
  const state = ctx.pods.state(location);
  return state === "aborted-prepare" ? "garbage" : state;
}

function readStatus(ctx: EngineContext, location: PodLocation): PodStatus {
  const files = ctx.pods.files(location);
  const manifest = readPodManifest(files);
  if (manifest === undefined) return bareStatus(ctx, location);
  const state = shownState(ctx, location);
  const wasStarted = !NEVER_STARTED.has(location.dir);
  const reaped = wasStarted ? readReaped(files) : undefined;
  const startedAt = wasStarted ? readStarted(files) : undefined;
  const apps = manifest.apps.map((app) =>
    wasStarted ? appStatus(manifest, { files, app, isRunning: state === "running" }) : newAppStatus(app),
  );
  const exitCode = reaped?.exitCode ?? (state === "exited" ? exitCodeOf(manifest, { files, apps }) : undefined);
  const stage1 = state === "running" ? stage1Of(manifest) : undefined;
  const pid = stage1?.supervisorPid(files);
  const expectedPcrs = stage1?.expectedPcrs?.(files);
  return {
    uuid: manifest.uuid,
    ...(manifest.name === undefined ? {} : { name: manifest.name }),
    state,
    stage1: manifest.stage1.regime,
    createdAt: manifest.createdAt,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(reaped === undefined ? {} : { exitedAt: reaped.exitedAt }),
    ...(pid === undefined ? {} : { pid }),
    ...(stage1?.isPaused?.(files, manifest.uuid) === true ? { paused: true as const } : {}),
    ...(expectedPcrs === undefined ? {} : { expectedPcrs }),
    ...(exitCode === undefined ? {} : { exitCode }),
    hostname: manifest.hostname,
    ...(manifest.userns === undefined ? {} : { userns: manifest.userns }),
    labels: manifest.labels,
    apps,
    networks: wasStarted ? attachmentStatuses(files) : [],
    ports: manifest.ports,
    insecureOptions: manifest.insecureOptions,
  };
}

function exitCodeOf(
  manifest: PodManifest,
  { files, apps }: { readonly files: Files; readonly apps: readonly AppStatus[] },
): number {
  return stage1Of(manifest).podExit(files) ?? (apps.every((app) => app.exitCode === 0) ? 0 : 255);
}

function newAppStatus({ name, image }: PodManifest["apps"][number]): AppStatus {
  return { name, image: image.name, imageDigest: image.digest, state: "created" };
}

function appStatus(
  manifest: PodManifest,
  {
    files,
    app,
    isRunning,
  }: { readonly files: Files; readonly app: PodManifest["apps"][number]; readonly isRunning: boolean },
): AppStatus {
  const stage1 = stage1Of(manifest);
  const exit = stage1.appExit(files, app.name);
  const which = { id: manifest.uuid, app: app.name };
  const runs = isRunning && exit === undefined && stage1.isAppRunning(files, which);
  const pid = runs ? stage1.appPid(files, which) : undefined;
  return {
    ...newAppStatus(app),
    state: exit !== undefined ? "exited" : runs ? "running" : "created",
    ...(exit === undefined ? {} : { exitCode: exit.exitCode, oomKilled: exit.oomKilled }),
    ...(pid === undefined ? {} : { pid }),
  };
}

function readStarted(files: Files): string | undefined {
  if (!files.has("started.json")) return undefined;
  const parsed: unknown = JSON.parse(files.readText("started.json", 1024));
  return typeof parsed === "object" && parsed !== null && "startedAt" in parsed ? String(parsed.startedAt) : undefined;
}
