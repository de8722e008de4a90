import type { AppLimits } from "../../pod/limits.ts";
import type { PodApp, PodManifest } from "../../pod/manifest.ts";
import type { PodId } from "../../pod/names.ts";
import { readPodManifest } from "../../pod/pod-store.ts";
import type { PodUse, ResourceUse } from "../../pod/stage1-contract.ts";
import type { Files } from "../../sys/host.ts";
import { freezeCgroup, isCgroupFrozen, readCgroupUse } from "../../sys/linux/cgroup-use.ts";
import { Stage1Error } from "../errors.ts";
import { podCgroup } from "../pod-cgroups.ts";
import { appCgroup } from "./cgroups.ts";
import { readRuntime } from "./runtime-calls.ts";
import { QUIET_FILE } from "./scripts.ts";

/** Halts the apps; their supervisors go on. @throws {Stage1Error} "stage1/unsupported-host" */
export async function pauseOciPod(pod: Files, id: PodId): Promise<void> {
  for (const cgroup of appCgroups(pod, id)) {
    if (freezeCgroup(cgroup, true)) continue;
    throw new Stage1Error(
      "stage1/unsupported-host",
      `Cannot pause pod ${id}: this host has no freezer for its cgroup`,
      {
        hint: "mount the freezer controller, or use a host with cgroup v2",
      },
    );
  }
}

/** Lets the apps go on. */
export async function resumeOciPod(pod: Files, id: PodId): Promise<void> {
  pod.remove(QUIET_FILE);
  for (const cgroup of appCgroups(pod, id)) freezeCgroup(cgroup, false);
}

/** Whether any app is halted. */
export function isOciPodPaused(pod: Files, id: PodId): boolean {
  return appCgroups(pod, id).some(isCgroupFrozen);
}

/** What the pod and each of its apps use. */
export async function readOciUse(_pod: Files, manifest: PodManifest): Promise<PodUse> {
  const apps = manifest.apps.map(({ name, limits }): [string, ResourceUse] => [
    name,
    { ...readCgroupUse(appCgroup(manifest.uuid, name)), ...(limits === undefined ? {} : { limits }) },
  ]);
  return { pod: readCgroupUse(podCgroup(manifest.uuid)), apps: Object.fromEntries(apps) };
}

/** Sets limits of an app's own cgroup. */
export async function updateOciApp(
  pod: Files,
  input: { readonly manifest: PodManifest; readonly app: PodApp; readonly limits: AppLimits },
): Promise<readonly string[]> {
  const { pids, ...others } = input.limits;
  const isCounted = pids === undefined || !readRuntime(pod).isSandbox;
  const limits = isCounted ? input.limits : others;
  return [...appCgroup(input.manifest.uuid, input.app.name).setLimits(limits), ...(isCounted ? [] : ["pids"])];
}

function appCgroups(pod: Files, id: PodId) {
  return (readPodManifest(pod)?.apps ?? [])
    .map(({ name }) => appCgroup(id, name))
    .filter(({ dirs }) => dirs.length > 0);
}
