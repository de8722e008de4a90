/**
 * System calls an app may make; every other one fails with EPERM. What is left out can reach beyond the pod: mounting,
 * loading kernel code, other namespaces, clocks, keys, tracing of the kernel, io_uring. Names unknown to the host's
 * libseccomp are skipped by systemd. Spec: seccomp(2); systemd.exec(5), "SystemCallFilter=".
 */
export const ALLOWED_SYSCALLS: readonly string[] = `
accept accept4 access adjtimex alarm arch_prctl bind brk cachestat capget capset chdir chmod chown chown32
clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64 clone clone3
close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old
epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat
faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat
fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs
fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat
get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32
getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32
getresuid getresuid32 getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid getuid32 getxattr
getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents
io_pgetevents io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set ipc kill landlock_add_rule
landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listmount listxattr
listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier
memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect mq_getsetattr
mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl
msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat _newselect open openat
openat2 pause personality pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll
ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease process_vm_readv process_vm_writev pselect6
pselect6_time64 ptrace pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recv recvfrom recvmmsg
recvmmsg_time64 recvmsg remap_file_pages removexattr removexattrat rename renameat renameat2 restart_syscall rmdir rseq
rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr
sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr
sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64 send
sendfile sendfile64 sendmmsg sendmsg sendto set_robust_list set_thread_area set_tid_address setfsgid setfsgid32
setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid
setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid setsockopt setuid setuid32 setxattr setxattrat
shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice
stat stat64 statfs statfs64 statmount statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time
timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create
timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask
uname unlink unlinkat uretprobe utime utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write
writev socket chroot
`
  .trim()
  .split(/\s+/);

/**
 * Calls without which no program starts, in any regime: no change takes them away.
 * Spec: systemd 252, `systemd-analyze syscall-filter @default`, which systemd always allows.
 */
export const STARTING_SYSCALLS: readonly string[] = `
arch_prctl brk clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64
close execve exit exit_group futex futex_time64 futex_waitv get_robust_list get_thread_area getegid getegid32 geteuid
geteuid32 getgid getgid32 getgroups getgroups32 getpgid getpgrp getpid getppid getrandom getresgid getresgid32 getresuid
getresuid32 getrlimit getsid gettid gettimeofday getuid getuid32 membarrier mmap mmap2 mprotect munmap nanosleep pause
prlimit64 restart_syscall rseq rt_sigreturn sched_getaffinity sched_yield set_robust_list set_thread_area
set_tid_address sigreturn time ugetrlimit uretprobe
`
  .trim()
  .split(/\s+/);

/** How an app's allow-list differs from the default: less of it, or a list of its own. */
export interface SyscallChange {
  readonly mode: "retain" | "remove" | "exactly";
  readonly names: readonly string[];
}

/** The allow-list of an app: a capability the user granted brings the calls that are useless without it. */
export function allowedSyscalls({
  capabilities,
  syscalls,
}: {
  readonly capabilities: readonly string[];
  readonly syscalls?: SyscallChange;
}): string[] {
  const extra = capabilities.flatMap((name) => SYSCALLS_OF_CAPABILITY.get(name) ?? []);
  const all = [...new Set([...ALLOWED_SYSCALLS, ...extra])];
  if (syscalls === undefined) return all;
  const named = new Set(syscalls.names);
  if (syscalls.mode === "exactly") return [...new Set([...STARTING_SYSCALLS, ...named])];
  const isKept = (name: string) => STARTING_SYSCALLS.includes(name) || named.has(name) === (syscalls.mode === "retain");
  return all.filter(isKept);
}

const SYSCALLS_OF_CAPABILITY: ReadonlyMap<string, readonly string[]> = new Map([
  [
    "SYS_ADMIN",
    [
      "mount",
      "umount2",
      "umount",
      "setns",
      "unshare",
      "pivot_root",
      "fsopen",
      "fsconfig",
      "fsmount",
      "fspick",
      "move_mount",
      "open_tree",
      "mount_setattr",
      "sethostname",
      "setdomainname",
      "bpf",
      "perf_event_open",
      "fanotify_init",
      "quotactl",
    ],
  ],
  ["SYS_MODULE", ["init_module", "finit_module", "delete_module"]],
  ["SYS_TIME", ["settimeofday", "stime", "clock_settime", "clock_settime64", "clock_adjtime", "clock_adjtime64"]],
  ["SYS_BOOT", ["reboot", "kexec_load", "kexec_file_load"]],
  ["SYS_PACCT", ["acct"]],
  ["SYS_RAWIO", ["iopl", "ioperm"]],
  ["SYS_PTRACE", ["kcmp", "process_madvise", "pidfd_getfd"]],
  ["SYS_NICE", ["get_mempolicy", "mbind", "set_mempolicy", "move_pages", "migrate_pages"]],
  ["SYSLOG", ["syslog"]],
  ["DAC_READ_SEARCH", ["open_by_handle_at"]],
  ["SYS_TTY_CONFIG", ["vhangup"]],
  ["BPF", ["bpf"]],
  ["PERFMON", ["perf_event_open"]],
]); // prettier-ignore
