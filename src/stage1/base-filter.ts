import { compileAuditSocketDenial, compileSyscallAllowList } from "../sys/linux/seccomp.ts";

/**
 * What systemd-nspawn 252 allows a whole container with its default capabilities. It makes that filter anew at every
 * start, in a third of its time; made once with the stage1 image, it is only installed.
 * Spec: systemd 252, src/nspawn/nspawn-seccomp.c
 */
const NSPAWN_SETS = [
  "@aio",
  "@basic-io",
  "@chown",
  "@default",
  "@file-system",
  "@io-event",
  "@ipc",
  "@mount",
  "@network-io",
  "@process",
  "@resources",
  "@setuid",
  "@signal",
  "@sync",
  "@timer",
] as const;
const NSPAWN_CALLS =
  `brk capget capset copy_file_range fadvise64 fadvise64_64 flock get_mempolicy getcpu getpriority getrandom ioctl
  ioprio_get kcmp madvise mincore mprotect mremap name_to_handle_at oldolduname olduname personality readahead readdir
  remap_file_pages sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam
  sched_getscheduler sched_rr_get_interval sched_yield seccomp sendfile sendfile64 setdomainname setfsgid setfsgid32
  setfsuid setfsuid32 sethostname setpgid setsid splice sysinfo tee umask uname userfaultfd vmsplice
  process_vm_readv process_vm_writev ptrace reboot vhangup`.split(/\s+/);

/** With one of these nspawn allows more; then it has to make its own filter. */
const WIDENING_CAPABILITIES = ["SYS_TIME", "SYS_MODULE", "SYS_RAWIO", "IPC_LOCK", "SYS_PACCT", "SYSLOG"];

/** Where the two programs of the filter are in the stage1 tree. */
export const BASE_FILTER_FILES = ["usr/lib/gantry/base-filter.bpf", "usr/lib/gantry/audit-filter.bpf"] as const;

/** Whether the filter made in advance allows all that a pod with these capabilities is to have. */
export function isBaseFilterEnough(capabilities: readonly string[]): boolean {
  return !WIDENING_CAPABILITIES.some((name) => capabilities.includes(name));
}

/**
 * The programs by path, from what `systemd-analyze syscall-filter` prints. Undefined when a set is missing there: nspawn
 * then goes on making the filter itself.
 */
export function compileBaseFilter(listing: string): ReadonlyMap<string, Uint8Array> | undefined {
  const sets = parseSyscallSets(listing);
  const names = new Set(NSPAWN_CALLS);
  for (const set of NSPAWN_SETS) {
    const expanded = expandSet(sets, set);
    if (expanded === undefined) return undefined;
    for (const name of expanded) names.add(name);
  }
  const [base, audit] = BASE_FILTER_FILES;
  return new Map([
    [base, compileSyscallAllowList([...names])],
    [audit, compileAuditSocketDenial()],
  ]);
}

/** Sets by name, each with its members, which may be sets again. Comments and colours are no members. */
export function parseSyscallSets(listing: string): ReadonlyMap<string, readonly string[]> {
  const sets = new Map<string, string[]>();
  let members: string[] | undefined;
  for (const line of listing.split("\n")) {
    const word = line.trim();
    if (/^@[a-z-]+$/.test(line)) {
      members = [];
      sets.set(line, members);
    } else if (/^@?[a-z0-9_-]+$/.test(word)) members?.push(word);
  }
  return sets;
}

function expandSet(sets: ReadonlyMap<string, readonly string[]>, set: string): readonly string[] | undefined {
  const members = sets.get(set);
  if (members === undefined) return undefined;
  const names: string[] = [];
  for (const member of members) {
    const expanded = member.startsWith("@") ? expandSet(sets, member) : [member];
    if (expanded === undefined) return undefined;
    names.push(...expanded);
  }
  return names;
}
