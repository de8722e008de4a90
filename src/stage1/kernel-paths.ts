/** Files and directories of /proc no app may see. Spec: OCI runtime-spec v1.2.0 "Masked Paths" defaults of its peers. */
const MASKED_IN_PROC = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kallsyms",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/config.gz",
];

/** Likewise of /sys, whose tree shows the whole machine even to a pod with a network of its own. */
const MASKED_IN_SYS = [
  "/sys/dev/block",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
  "/sys/fs/selinux",
  "/sys/fs/bpf",
  "/sys/kernel/debug",
  "/sys/kernel/tracing",
  "/sys/kernel/security",
  "/sys/module",
  "/sys/power",
];

/** A path nspawn covers for the whole pod. */
export interface ProcMask {
  readonly path: string;
  readonly kind: "dir" | "file";
}

/**
 * What nspawn is to cover in the pod's /proc and /sys: once for all apps, because it costs a unit milliseconds per path. Only what
 * this kernel has, for nspawn cannot cover what is not there.
 */
export function planProcMasks(kindOf: (path: string) => "dir" | "file" | undefined): ProcMask[] {
  return [...MASKED_IN_PROC, ...MASKED_IN_SYS].flatMap((path) => {
    const kind = kindOf(path);
    return kind === undefined ? [] : [{ path, kind }];
  });
}

/** Kernel paths a unit protects itself. */
export interface UnitKernelPaths {
  readonly readOnly: readonly string[];
  readonly masked: readonly string[];
}

/** Where nothing is protected yet. */
export const ALL_KERNEL_PATHS: UnitKernelPaths = {
  readOnly: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", "/sys"],
  masked: [...MASKED_IN_PROC, "/proc/kmsg", ...MASKED_IN_SYS],
};

/**
 * What nspawn, told of `planProcMasks`, has not done already. It makes /sys read-only for a pod with a network of its own,
 * but leaves the host's as it is, and the cgroup trees of its systemd and /proc/sys/net writable; in the place of /proc/kmsg
 * it puts a FIFO. Spec: systemd 252, src/nspawn/nspawn-mount.c
 */
export function kernelPathsUnderNspawn(pod: { readonly isHostNetwork: boolean }): UnitKernelPaths {
  const readOnly = ["/proc/sys", "/proc/sysrq-trigger", pod.isHostNetwork ? "/sys" : "/sys/fs/cgroup"];
  return { readOnly, masked: ["/proc/kmsg"] };
}
