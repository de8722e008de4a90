import type { PodApp, PodManifest } from "../../pod/manifest.ts";
import type { PodId } from "../../pod/names.ts";
import { readPodManifest } from "../../pod/pod-store.ts";
import { signalNumber } from "../../pod/signals.ts";
import type { Files } from "../../sys/host.ts";
import { isProcessAlive } from "../../sys/linux/process-stat.ts";
import { createPrograms } from "../../sys/linux/processes.ts";
import { canReceiveSignal } from "../../sys/linux/signal-masks.ts";
import { podCgroup } from "../pod-cgroups.ts";
import { signalProcess } from "../supervisor.ts";
import { appCgroup } from "./cgroups.ts";
import { findAppPid, findConmons } from "./observe.ts";
import { readRuntime, runtimeArgv } from "./runtime-calls.ts";

const SIGKILL = 9;
const SETTLE_MS = 2_000;
const KILL_MS = 10_000;
const POLL_MS = 10;

/**
 * Sends every app its stop signal. The kernel keeps signals from a PID 1 without a handler for them: such an app is killed
 * at once, as the signal would have done to any other process. A sandbox passes the signal on to the app inside.
 */
export async function stopOciPod(pod: Files, manifest: PodManifest): Promise<void> {
  for (const app of manifest.apps) {
    const signal = signalNumber(app.stopSignal);
    await signalApp(pod, { manifest, app, signal, otherwise: SIGKILL });
  }
}

/** Sends every app a signal by its name. */
export async function signalOciPod(pod: Files, manifest: PodManifest, name: string): Promise<void> {
  const signal = signalNumber(name);
  for (const app of manifest.apps) await signalApp(pod, { manifest, app, signal, otherwise: signal });
}

async function signalApp(
  pod: Files,
  {
    manifest,
    app,
    signal,
    otherwise,
  }: {
    readonly manifest: PodManifest;
    readonly app: PodApp;
    readonly signal: number;
    /** For an app that would never see it. */
    readonly otherwise: number;
  },
): Promise<void> {
  const pid = findAppPid(pod, { id: manifest.uuid, app: app.name });
  if (pid === undefined) return;
  const runtime = readRuntime(pod);
  if (runtime.isSandbox) {
    const id = `${manifest.uuid}-${app.name}`;
    await createPrograms().run({
      argv: [...runtimeArgv(pod, runtime), "kill", id, String(signal)],
      timeoutMs: KILL_MS,
    });
  } else signalProcess(pid, canReceiveSignal(pid, signal) ? signal : otherwise);
}

/** Kills the apps, lets the supervisors record it, and then kills whatever is left. */
export async function killOciPod(pod: Files, id: PodId): Promise<void> {
  if (podCgroup(id).tryRemove()) return; // the kernel keeps one that anybody is in
  for (const { name } of readPodManifest(pod)?.apps ?? []) await appCgroup(id, name).killAll();
  for (
    let waitedMs = 0;
    waitedMs < SETTLE_MS && findConmons(pod).some((pid) => isProcessAlive(pid));
    waitedMs += POLL_MS
  )
    await Bun.sleep(POLL_MS);
  await podCgroup(id).killAll();
}
