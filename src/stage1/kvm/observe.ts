import type { AppName } from "../../pod/names.ts";
import { readPodManifest } from "../../pod/pod-store.ts";
import type { AppExit } from "../../pod/stage1-contract.ts";
import type { Files } from "../../sys/host.ts";
import { findSupervisor } from "../supervisor.ts";
import { type GuestStatus, MAX_STATUS_BYTES, parseGuestStatus } from "./guest-status.ts";
import { STATUS_FILE } from "./ports.ts";

/** What the guest has said so far. */
export function readGuestStatus(pod: Files): GuestStatus {
  const stat = pod.stat(STATUS_FILE);
  const apps = readPodManifest(pod)?.apps.map((app) => app.name) ?? [];
  if (stat === undefined) return parseGuestStatus("", apps, 0);
  return parseGuestStatus(readHead(pod), apps, stat.modifiedAtMs);
}

function readHead(pod: Files): string {
  for (const chunk of pod.readChunks(STATUS_FILE)) return new TextDecoder().decode(chunk.subarray(0, MAX_STATUS_BYTES));
  return "";
}

/** How the guest said an app ended. */
export function readAppExit(pod: Files, app: AppName): AppExit | undefined {
  return readGuestStatus(pod).exits.get(app);
}

/** Exit code of the pod: that of the first app that failed; undefined when none did. */
export function readPodExit(pod: Files): number | undefined {
  return readGuestStatus(pod).failure;
}

/** Whether the guest has started an app and not said that it ended. */
export function isAppRunning(pod: Files, app: AppName): boolean {
  const status = readGuestStatus(pod);
  return status.started.has(app) && !status.exits.has(app) && findSupervisor(pod) !== undefined;
}
