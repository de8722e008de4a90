import { existsSync, readFileSync } from "node:fs";

/** One attempt from inside a pod, and how to tell what came of it. */
export interface Attack {
  /** As test/regimes/attack.pl knows it. */
  readonly id: string;
  /** As the table says it. */
  readonly name: string;
  /** A call that goes through reaches the kernel itself: it is an escape wherever that kernel is the host's. */
  readonly isKernelWide?: boolean;
  /** Why even root cannot do this on the host at hand; undefined where it can. */
  readonly lacks?: () => string | undefined;
  /** Where it is seen to succeed once protection is taken away, so that a refusal means something; `fly` unless said. */
  readonly control?: Control;
}

/**
 * `bare process`: what stops it elsewhere is Gantry's own care, which holds in `fly` too. `virtual machine`: not every
 * host's kernel has it, the guest's has; an app there is given all rights.
 */
export type Control = "fly" | "bare process" | "virtual machine";

const has = (path: string) => existsSync(path);
const setting = (path: string) => (has(path) ? readFileSync(path, "utf8").trim() : undefined);
const isLockedDown = () => setting("/sys/kernel/security/lockdown")?.includes("[none]") === false;
const needs = (isThere: () => boolean, reason: string) => () => (isThere() ? undefined : reason);

/** Attempts that one run of the attack program makes one after the other. */
export const ATTACKS: readonly Attack[] = [
  { id: "mount", name: "mounting a disk of the host, and any other file system" },
  { id: "remount", name: "making a read-only volume writable" },
  { id: "sysctl", name: "writing /proc/sys, also through a new mount of proc" },
  {
    id: "sysrq",
    name: "/proc/sysrq-trigger",
    lacks: needs(() => has("/proc/sysrq-trigger"), "its kernel has no sysrq"),
    control: "virtual machine",
  },
  { id: "disk", name: "reading a raw disk through a device node of one's own" },
  { id: "kmsg", name: "writing the kernel's log" },
  { id: "kernellog", name: "reading the kernel's log" },
  {
    id: "memory",
    name: "reading memory: /dev/mem, /dev/port, /proc/kcore",
    isKernelWide: true,
    lacks: needs(
      () => ["/sys/class/mem/mem", "/sys/class/mem/port", "/proc/kcore"].some(has) && !isLockedDown(),
      "its kernel gives memory to nobody",
    ),
    control: "virtual machine",
  },
  {
    id: "module",
    name: "loading and unloading kernel modules",
    isKernelWide: true,
    lacks: needs(
      () => has("/proc/modules") && setting("/proc/sys/kernel/modules_disabled") !== "1",
      "its kernel loads no modules",
    ),
    control: "virtual machine",
  },
  { id: "reboot", name: "kexec and reboot", isKernelWide: true },
  { id: "clock", name: "adjusting the clock", isKernelWide: true },
  { id: "bpf", name: "loading a BPF program", isKernelWide: true },
  { id: "perf", name: "watching a processor by perf_event_open", isKernelWide: true },
  {
    id: "uring",
    name: "io_uring, which passes system call filters by",
    isKernelWide: true,
    lacks: needs(() => setting("/proc/sys/kernel/io_uring_disabled") === "0", "its kernel has no io_uring"),
  },
  {
    id: "userns",
    name: "a user namespace with all capabilities",
    isKernelWide: true,
    lacks: needs(() => Number(setting("/proc/sys/user/max_user_namespaces") ?? 0) > 0, "it allows no user namespaces"),
  },
  { id: "ptrace", name: "ptrace of the host's and a neighbour's processes", isKernelWide: true },
  {
    id: "init",
    name: "taking over the pod's own init",
    isKernelWide: true,
    lacks: needs(() => has("/proc/1/root/"), "its PID 1 lets not even root near"),
    control: "virtual machine",
  },
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
  {
    id: "release",
    name: "release_agent of a cgroup",
    isKernelWide: true,
    lacks: needs(
      () => /^pids\t[1-9]/m.test(setting("/proc/cgroups") ?? ""),
      "it runs cgroups of version 2, which have no release_agent",
    ),
  },
  { id: "handle", name: "open_by_handle_at with the handle of a host's file" },
  { id: "keyring", name: "a key in the host's keyring of the same user" },
  { id: "descriptors", name: "inherited descriptors of host directories", control: "bare process" },
  { id: "chroot", name: "leaving the root by chroot and .." },
  { id: "selfexe", name: "overwriting programs of the host through /proc/PID/exe", isKernelWide: true },
];

/** Attempts that need a second command of the host's. */
export const MORE_ATTACKS: readonly Attack[] = [
  { id: "setuid", name: "a setuid program as another user" },
  { id: "symlink", name: "a volume mounted over a link that leads out of the image", control: "bare process" },
  { id: "passwd", name: "/etc/passwd as a link to the host's, at exec", control: "bare process" },
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
