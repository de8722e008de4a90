/** One attempt from inside a pod, and how to tell what came of it. */
export interface Attack {
  /** As test/regimes/attack.pl knows it. */
  readonly id: string;
  /** As the table says it. */
  readonly name: string;
  /** A call that goes through reaches the kernel itself: it is an escape wherever that kernel is the host's. */
  readonly isKernelWide?: boolean;
  /** What the host's own root can do depends on how its kernel was built. */
  readonly dependsOnHost?: boolean;
}

/** Attempts that one run of the attack program makes one after the other. */
export const ATTACKS: readonly Attack[] = [
  { id: "mount", name: "mounting a disk of the host, and any other file system" },
  { id: "remount", name: "making a read-only volume writable" },
  { id: "sysctl", name: "writing /proc/sys, also through a new mount of proc" },
  { id: "sysrq", name: "/proc/sysrq-trigger", dependsOnHost: true },
  { id: "disk", name: "reading a raw disk through a device node of one's own" },
  { id: "kmsg", name: "writing the kernel's log" },
  { id: "kernellog", name: "reading the kernel's log" },
  { id: "memory", name: "reading memory: /dev/mem, /dev/port, /proc/kcore", isKernelWide: true, dependsOnHost: true },
  { id: "module", name: "loading and unloading kernel modules", isKernelWide: true, dependsOnHost: true },
  { id: "reboot", name: "kexec and reboot", isKernelWide: true, dependsOnHost: true },
  { id: "clock", name: "adjusting the clock", isKernelWide: true, dependsOnHost: true },
  { id: "bpf", name: "loading a BPF program", isKernelWide: true, dependsOnHost: true },
  { id: "perf", name: "watching a processor by perf_event_open", isKernelWide: true, dependsOnHost: true },
  { id: "uring", name: "io_uring, which passes system call filters by", isKernelWide: true, dependsOnHost: true },
  { id: "userns", name: "a user namespace with all capabilities", isKernelWide: true, dependsOnHost: true },
  { id: "ptrace", name: "ptrace of the host's and a neighbour's processes", isKernelWide: true },
  { id: "init", name: "taking over the pod's own init", isKernelWide: true, dependsOnHost: true },
  { id: "hostfile", name: "the host's files through /proc/PID/root and cwd" },
  { id: "neighbour", name: "a neighbour's files through /proc/PID/root" },
  { id: "environ", name: "a neighbour's environment" },
  { id: "signal", name: "signalling the host's and a neighbour's processes" },
  { id: "hostsocket", name: "an abstract socket of the host" },
  { id: "podsocket", name: "an abstract socket of a neighbour" },
  { id: "shm", name: "shared memory of the host" },
  { id: "loopback", name: "a service on the host's loopback address" },
  { id: "sniff", name: "listening to others' packets" },
  { id: "cgroup", name: "leaving the own cgroup, raising its limits", isKernelWide: true },
  { id: "release", name: "release_agent of a cgroup", isKernelWide: true, dependsOnHost: true },
  { id: "handle", name: "open_by_handle_at with the handle of a host's file" },
  { id: "keyring", name: "a key in the host's keyring of the same user" },
  { id: "descriptors", name: "inherited descriptors of host directories", dependsOnHost: true },
  { id: "chroot", name: "leaving the root by chroot and .." },
  { id: "selfexe", name: "overwriting programs of the host through /proc/PID/exe", isKernelWide: true },
];

/** Attempts that need a second command of the host's. */
export const MORE_ATTACKS: readonly Attack[] = [
  { id: "setuid", name: "a setuid program as another user" },
  { id: "symlink", name: "a volume mounted over a link that leads out of the image", dependsOnHost: true },
  { id: "passwd", name: "/etc/passwd as a link to the host's, at exec", dependsOnHost: true },
];

/** What the attack program said of one attempt. */
export interface Said {
  readonly did: readonly string[];
  readonly loot: readonly string[];
}

/** Sections of the attack program's output by attempt. */
export function parseSaid(output: string): ReadonlyMap<string, Said> {
  return new Map(
    output
      .split(/^== /m)
      .slice(1)
      .map((section) => {
        const [id = "", ...lines] = section.split("\n");
        const after = (word: string) =>
          lines.filter((line) => line.startsWith(`${word}: `)).map((line) => line.slice(word.length + 2));
        return [id, { did: after("did"), loot: after("loot") }];
      }),
  );
}
