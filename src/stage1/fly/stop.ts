import type { PodManifest } from "../../pod/manifest.ts";
import type { PodId } from "../../pod/names.ts";
import { signalNumber } from "../../pod/stop-signal.ts";
import type { Files } from "../../sys/host.ts";
import { wasShortOfMemory } from "../oom.ts";
import { podCgroup } from "../pod-cgroups.ts";
import { findSupervisor, signalProcess } from "../supervisor.ts";
import { findFlyApp } from "./observe.ts";

const SIGKILL = 9;

/** Sends the app its stop signal. */
export async function stopFlyPod(pod: Files, manifest: PodManifest): Promise<void> {
  for (const app of manifest.apps) signalProcess(findFlyApp(pod, { app: app.name }), signalNumber(app.stopSignal));
}

/** Ends the supervisor, and so the app, and everything the app has started. */
export async function killFlyPod(pod: Files, id: PodId): Promise<void> {
  signalProcess(findSupervisor(pod), SIGKILL);
  wasShortOfMemory(pod); // noted while the cgroup still tells
  await podCgroup(id).killAll();
}
