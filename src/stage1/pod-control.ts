import type { AppLimits } from "../pod/limits.ts";
import type { PodApp, PodManifest } from "../pod/manifest.ts";
import type { PodId } from "../pod/names.ts";
import type { PodUse, Stage1 } from "../pod/stage1-contract.ts";
import { freezeCgroup, isCgroupFrozen, readCgroupUse } from "../sys/linux/cgroup-use.ts";
import { Stage1Error } from "./errors.ts";
import { podCgroup } from "./pod-cgroups.ts";

/** Halts everything in the pod's cgroup. @throws {Stage1Error} "stage1/unsupported-host" */
function pausePod(id: PodId): void {
  if (freezeCgroup(podCgroup(id), true)) return;
  throw new Stage1Error("stage1/unsupported-host", `Cannot pause pod ${id}: this host has no freezer for its cgroup`, {
    hint: "mount the freezer controller, or use a host with cgroup v2",
  });
}

/** Lets everything in the pod's cgroup go on; fine for a pod that was not halted or has no cgroup. */
function resumePod(id: PodId): void {
  freezeCgroup(podCgroup(id), false);
}

/** Use of a pod whose apps share its cgroup; with a single app the two are the same. */
function readPodUse(manifest: PodManifest): PodUse {
  const [app, second] = manifest.apps;
  const pod = { ...readCgroupUse(podCgroup(manifest.uuid)), ...limitsOf(app, second) };
  return { pod, apps: app === undefined || second !== undefined ? {} : { [app.name]: pod } };
}

/** Sets limits where apps share the pod's cgroup: possible for a single app only. @throws {Stage1Error} "stage1/unsupported" */
function updatePod(input: {
  readonly manifest: PodManifest;
  readonly app: PodApp;
  readonly limits: AppLimits;
}): readonly string[] {
  if (input.manifest.apps.length > 1) {
    throw new Stage1Error("stage1/unsupported", `Cannot limit app "${input.app.name}": its pod has several apps`, {
      hint: "prepare the pod with the limits, or use --stage1=oci, where each app has a cgroup of its own",
    });
  }
  return podCgroup(input.manifest.uuid).setLimits(input.limits);
}

function limitsOf(app: PodApp | undefined, second: PodApp | undefined): { readonly limits?: AppLimits } {
  return app?.limits === undefined || second !== undefined ? {} : { limits: app.limits };
}

/** How every regime whose apps share the pod's cgroup halts, measures and limits them. */
export const SHARED_CGROUP_CONTROL = {
  pause: async (_pod, id) => pausePod(id),
  resume: async (_pod, id) => resumePod(id),
  isPaused: (_pod, id) => isCgroupFrozen(podCgroup(id)),
  stats: async (_pod, manifest) => readPodUse(manifest),
  update: async (_pod, input) => updatePod(input),
} as const satisfies Pick<Stage1, "pause" | "resume" | "isPaused" | "stats" | "update">;
