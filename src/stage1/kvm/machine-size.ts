import { availableParallelism } from "node:os";
import type { PodManifest } from "../../pod/manifest.ts";

/** Memory of a guest whose apps have no limit, in MiB. */
export const DEFAULT_MEMORY_MIB = 1024;
/** For the guest's kernel and init, beside what the apps may use, in MiB. */
export const GUEST_OVERHEAD_MIB = 128;
const MAX_DEFAULT_CPUS = 4;
const MIB = 1024 * 1024;

/** What an app may use; part of its manifest. */
interface Limited {
  readonly limits?: { readonly memoryBytes?: number; readonly cpuMillis?: number };
}

/** Memory and processors of a pod's machine. */
export interface MachineSize {
  readonly memoryMib: number;
  readonly cpus: number;
}

/**
 * Follows from the limits of the apps: the sum of their memory and what the guest itself needs, and as many processors as
 * their processor time, rounded up. An app without a limit counts with the default.
 */
export function planMachineSize(
  manifest: Pick<PodManifest, "apps">,
  hostCpus: number = availableParallelism(),
): MachineSize {
  const limits = (manifest.apps as readonly Limited[]).map((app) => app.limits ?? {});
  const memory = limits.reduce(
    (sum, { memoryBytes }) => sum + (memoryBytes === undefined ? DEFAULT_MEMORY_MIB : Math.ceil(memoryBytes / MIB)),
    0,
  );
  const isLimited = limits.every((limit) => limit.cpuMillis !== undefined);
  const millis = limits.reduce((sum, { cpuMillis }) => sum + (cpuMillis ?? 0), 0);
  const cpus = isLimited ? Math.max(1, Math.ceil(millis / 1000)) : Math.min(hostCpus, MAX_DEFAULT_CPUS);
  return { memoryMib: memory + GUEST_OVERHEAD_MIB, cpus: Math.min(cpus, Math.max(hostCpus, 1)) };
}
