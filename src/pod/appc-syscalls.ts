import type { IsolatorSetting } from "../image/aci/isolators.ts";
import { ALLOWED_SYSCALLS, STARTING_SYSCALLS, type SyscallChange } from "./seccomp-profile.ts";

/** How a seccomp isolator changes what an app may call, and where that differs from what it asked for. */
export interface SyscallPlan {
  /** Undefined: nothing changes. */
  readonly change?: SyscallChange;
  /** True when the user asked for no filter at all. */
  readonly unconfined?: boolean;
  /** One part for each difference; none: enforced as asked for. */
  readonly differences: readonly string[];
  /** The isolator cannot be honoured; `differences` says why. */
  readonly ignored?: boolean;
}

/** What Docker's documentation lists as blocked by default. */
const BLACKLIST = `acct add_key bpf clock_adjtime clock_settime create_module delete_module finit_module get_kernel_syms
get_mempolicy init_module ioperm iopl kcmp kexec_file_load kexec_load keyctl lookup_dcookie mbind mount move_pages
name_to_handle_at nfsservctl open_by_handle_at perf_event_open personality pivot_root process_vm_readv
process_vm_writev ptrace query_module quotactl reboot request_key set_mempolicy setns settimeofday stime swapon swapoff
sysfs _sysctl umount umount2 unshare uselib userfaultfd ustat vm86 vm86old`.split(/\s+/);

/**
 * What a set of system calls means. Sets of a distribution's systemd have no fixed members, so they are not known.
 * Spec: appc 0.8.11, ace.md "os/linux/seccomp-remove-set"; rkt 1.30, Documentation/seccomp-guide.md
 */
const SETS: ReadonlyMap<string, readonly string[] | "all"> = new Map<string, readonly string[] | "all">([
  ["@appc.io/all", "all"],
  ["@appc.io/empty", []],
  ...["@docker", "@rkt"].flatMap((author): [string, readonly string[]][] => [
    [`${author}/default-whitelist`, ALLOWED_SYSCALLS],
    [`${author}/default-blacklist`, BLACKLIST],
  ]),
]);

/** Pure. An image only ever narrows the default filter; the user's own manifest says exactly what is allowed. */
export function planSyscalls(
  { mode, set, errno }: Extract<IsolatorSetting, { readonly kind: "seccomp" }>,
  author: "image" | "user",
): SyscallPlan {
  const unknown = set.filter((name) => name.startsWith("@") && !SETS.has(name));
  if (unknown.length > 0 && mode === "retain")
    return {
      ignored: true,
      differences: [`nobody here knows the set ${unknown.join(", ")}; the default filter stays`],
    };
  const isAll = set.some((name) => SETS.get(name) === "all");
  const names = [...new Set(set.flatMap(membersOf))];
  const differences = [
    ...(unknown.length === 0 ? [] : [`nobody here knows the set ${unknown.join(", ")}`]),
    ...(errno === "EPERM" ? [] : [`calls that are not allowed fail with EPERM`]),
  ];
  if (mode === "remove") {
    const kept = isAll ? ["those that start a program"] : names.filter((name) => STARTING_SYSCALLS.includes(name));
    const change = isAll ? { mode: "retain" as const, names: [] } : { mode, names };
    return {
      change,
      differences: kept.length === 0 ? differences : [...differences, `${kept.join(", ")} stay allowed`],
    };
  }
  if (author === "user") {
    return isAll ? { unconfined: true, differences: [] } : { change: { mode: "exactly", names }, differences };
  }
  if (isAll) return { differences: ["the default filter stays unless --seccomp=unconfined is given"] };
  const beyond = names.filter((name) => !ALLOWED_SYSCALLS.includes(name));
  const change = { mode, names };
  if (beyond.length === 0) return { change, differences };
  return { change, differences: [...differences, `without what the default filter blocks: ${beyond.join(", ")}`] };
}

function membersOf(name: string): readonly string[] {
  const members = name.startsWith("@") ? SETS.get(name) : [name];
  return members === undefined || members === "all" ? [] : members;
}
