import { type CgroupLayout, detectCgroupLayout } from "../../sys/linux/cgroup-layout.ts";
import type { EngineContext } from "../context.ts";
import type { DoctorCheck } from "../use-cases.ts";
import { failed, passed, warned } from "./section.ts";

const WANTED = ["cpu", "memory", "pids"];

/** How cgroups are laid out, and which controllers there are for limits. */
export async function checkCgroups(_ctx: EngineContext): Promise<readonly DoctorCheck[]> {
  return judgeCgroups(detectCgroupLayout());
}

/** Judges a layout. Pure. */
export function judgeCgroups(layout: CgroupLayout): readonly DoctorCheck[] {
  if (layout.kind === "none") {
    return [failed("cgroups", "none are mounted", "mount -t cgroup2 none /sys/fs/cgroup, or boot with systemd")];
  }
  const controllers = [...new Set(layout.hierarchies.flatMap((one) => one.controllers))].filter(
    (name) => !name.startsWith("name="),
  );
  const detail = `${layout.kind}, with ${controllers.sort().join(", ") || "no controllers"}`;
  const missing = WANTED.filter(
    (name) => !controllers.includes(name) && !(name === "cpu" && controllers.includes("cpuacct")),
  );
  if (missing.length > 0) {
    const fix = `boot with these controllers on; see cgroup_disable= in /proc/cmdline`;
    return [warned("cgroups", `${detail}; without ${missing.join(", ")} there are no limits for them`, fix)];
  }
  if (layout.kind === "unified") return [passed("cgroups", detail)];
  const fix = "boot with systemd.unified_cgroup_hierarchy=1 for the current layout; pods run in both";
  return [warned("cgroups", detail, fix)];
}
