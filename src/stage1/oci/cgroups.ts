import type { AppName, PodId } from "../../pod/names.ts";
import { type CgroupLayout, defaultCgroupBase, detectCgroupLayout } from "../../sys/linux/cgroup-layout.ts";
import { PodCgroup } from "../../sys/linux/pod-cgroup.ts";
import { podCgroupName } from "../pod-cgroups.ts";

/** Where the supervisors of a pod are on version 2; no app can have this name. */
const SUPERVISORS = ".conmon";

/** Cgroup of one app of a pod; it may not exist. */
export function appCgroup(id: PodId, app: AppName, layout: CgroupLayout = detectCgroupLayout()): PodCgroup {
  return PodCgroup.at(layout, `${podCgroupName(id)}/${app}`);
}

/** Makes the cgroup of an app. */
export function createAppCgroup(id: PodId, app: AppName, layout: CgroupLayout): PodCgroup {
  return PodCgroup.create(layout, `${podCgroupName(id)}/${app}`);
}

/**
 * Makes the cgroup of the pod's supervisors, which no app's limit counts: the pod's own, where one may have members beside
 * children, as on version 1.
 */
export function createSupervisorCgroup(id: PodId, layout: CgroupLayout): PodCgroup {
  const of = (version: 1 | 2) => ({
    ...layout,
    hierarchies: layout.hierarchies.filter((one) => one.version === version),
  });
  const own = PodCgroup.create(of(1), podCgroupName(id));
  const beneath = PodCgroup.create(of(2), `${podCgroupName(id)}/${SUPERVISORS}`);
  return new PodCgroup([...own.dirs, ...beneath.dirs]);
}

/** An app's cgroup as a runtime's configuration names it. */
export function runtimeCgroupPath(id: PodId, app: AppName): string {
  return `/${defaultCgroupBase()}/${podCgroupName(id)}/${app}`;
}

/** The supervisors' cgroup likewise; the pod's init, where it has one, is counted beneath it. */
export function supervisorCgroupPath(id: PodId): string {
  return `/${defaultCgroupBase()}/${podCgroupName(id)}/${SUPERVISORS}/init`;
}
