import type { AppLimits } from "../../pod/limits.ts";
import type { PodApp } from "../../pod/manifest.ts";
import type { LaunchInput } from "../../pod/stage1-contract.ts";
import type { PodCgroup } from "../../sys/linux/pod-cgroup.ts";
import { Stage1Error } from "../errors.ts";
import type { ContainerOptions } from "./container-options.ts";
import type { OciRuntime } from "./oci-runtime.ts";

/** Puts an app's limits into force, and with `own` cgroups its choice of devices. @throws {Stage1Error} "stage1/unsupported-host" */
export function limitApp(
  { note }: Pick<LaunchInput, "note">,
  {
    app,
    cgroup,
    runtime,
    options,
  }: {
    readonly app: PodApp;
    readonly cgroup: PodCgroup;
    readonly runtime: OciRuntime;
    readonly options: Pick<ContainerOptions, "devices">;
  },
): void {
  const missing = cgroup.setLimits(enforceableLimits({ runtime, app, note }));
  if (missing.length > 0) {
    throw new Stage1Error("stage1/unsupported-host", `Cannot limit ${missing.join(", ")} of app "${app.name}"`, {
      hint: "see which controllers this host has: gantry doctor",
      data: { missing },
    });
  }
  if (runtime.cgroups === "own") {
    cgroup.setDevicePolicy(
      options.devices.map(({ type, major, minor, access }) => `${type} ${major}:${minor} ${access}`),
    );
  }
}

/** What the host counts of an app; of a sandbox it sees only the kernel's own threads, which must not run out. */
function enforceableLimits({
  runtime,
  app,
  note,
}: {
  readonly runtime: OciRuntime;
  readonly app: PodApp;
  readonly note: LaunchInput["note"];
}): AppLimits {
  const { limits = {} } = app;
  if (!runtime.isSandbox || limits.pids === undefined) return limits;
  note(`no process limit for app "${app.name}": the host cannot count the processes inside a sandbox`);
  const { pids: _, ...others } = limits;
  return others;
}
