import type { AppLimits } from "../pod/limits.ts";
import type { PodApp } from "../pod/manifest.ts";

/** Least memory the pod's own systemd and its supervisor start with. */
const LEAST_BYTES = 24 * 1024 * 1024;

/** Limits of the cgroup all apps of a pod share, and what has to be said about them. */
export interface PodLimits {
  readonly limits: AppLimits;
  readonly notes: readonly string[];
}

/**
 * With one app, its limits; with several, the sums, where every app has one. Pure. Where the pod's systemd can make
 * cgroups with controllers of its own (cgroup v2) each app's unit has its own limits besides.
 */
export function planPodLimits(apps: readonly Pick<PodApp, "name" | "limits">[]): PodLimits {
  const notes: string[] = [];
  const { memoryBytes: memory, cpuMillis, pids } = sumLimits(apps);
  if (memory !== undefined && memory < LEAST_BYTES) {
    notes.push(`memory limit raised to ${LEAST_BYTES / 1024 / 1024} MiB: the pod's systemd needs that much itself`);
  }
  return {
    limits: {
      ...(memory === undefined ? {} : { memoryBytes: Math.max(memory, LEAST_BYTES) }),
      ...(cpuMillis === undefined ? {} : { cpuMillis }),
      // nspawn and the pod's systemd are counted in the same cgroup.
      ...(pids === undefined ? {} : { pids: pids + OWN_PROCESSES }),
    },
    notes,
  };
}

/** What several apps may use together: the sum of each limit that every one of them has. */
export function sumLimits(apps: readonly Pick<PodApp, "limits">[]): AppLimits {
  const total = (pick: (limits: AppLimits) => number | undefined): number | undefined => {
    const values = apps.map((app) => (app.limits === undefined ? undefined : pick(app.limits)));
    return values.every((value) => value !== undefined) ? values.reduce((sum, value) => sum + value, 0) : undefined;
  };
  const [memoryBytes, cpuMillis, pids] = [
    total((limits) => limits.memoryBytes),
    total((limits) => limits.cpuMillis),
    total((limits) => limits.pids),
  ];
  return {
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(cpuMillis === undefined ? {} : { cpuMillis }),
    ...(pids === undefined ? {} : { pids }),
  };
}

/** nspawn, systemd, and what it forks for a moment to start and to record an app. */
const OWN_PROCESSES = 5;

/** Unit lines for an app's own limits; in force where the pod's systemd is given the controllers. */
export function renderLimits({ limits }: Pick<PodApp, "limits">): string[] {
  if (limits === undefined) return ["TasksMax=infinity"];
  const { memoryBytes, cpuMillis, pids } = limits;
  return [
    ...(memoryBytes === undefined ? [] : [`MemoryMax=${memoryBytes}`]),
    ...(cpuMillis === undefined ? [] : [`CPUQuota=${Math.max(1, Math.round(cpuMillis / 10))}%`]),
    `TasksMax=${pids ?? "infinity"}`,
  ];
}
