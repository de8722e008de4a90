import { ptr } from "bun:ffi";
import { readFileSync } from "node:fs";
import {
  PR_CAP_AMBIENT,
  PR_CAP_AMBIENT_CLEAR_ALL,
  PR_CAP_AMBIENT_RAISE,
  PR_CAPBSET_DROP,
  PR_SET_CHILD_SUBREAPER,
  PR_SET_DUMPABLE,
  PR_SET_KEEPCAPS,
  PR_SET_NO_NEW_PRIVS,
  PR_SET_PDEATHSIG,
  SIGINT,
  SIGTERM,
} from "./constants.ts";
import { callKernel, cString, errnoError, type PathArg, tryKernel } from "./libc.ts";

/** No program started from here on can gain privileges by set-user-ID or file capabilities. */
export function setNoNewPrivs(): void {
  callKernel("prctl", [PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0]);
}

/** Removes a capability (by number) from the bounding set for good. */
export function dropBoundingCapability(capability: number): void {
  callKernel("prctl", [PR_CAPBSET_DROP, capability, 0, 0, 0]);
}

/** Whether other processes of the same user may read our memory and /proc files. */
export function setDumpable(on: boolean): void {
  callKernel("prctl", [PR_SET_DUMPABLE, on ? 1 : 0, 0, 0, 0]);
}

const KEYCTL_JOIN_SESSION_KEYRING = 1;

/** An empty session keyring of its own, so that what follows does not share the caller's keys. A kernel without keys is fine. */
export function joinNewSessionKeyring(): void {
  tryKernel("keyctl", [KEYCTL_JOIN_SESSION_KEYRING, null]);
}

/** Signal this process gets when the thread that started it ends; 0 for none. Survives execve(2). */
export function setParentDeathSignal(signal: number): void {
  callKernel("prctl", [PR_SET_PDEATHSIG, signal, 0, 0, 0]);
}

/** Keeps the permitted capabilities when the user id changes away from 0. */
export function setKeepCaps(on: boolean): void {
  callKernel("prctl", [PR_SET_KEEPCAPS, on ? 1 : 0, 0, 0, 0]);
}

/** Orphaned descendants become our children instead of init's. */
export function setChildSubreaper(on: boolean): void {
  callKernel("prctl", [PR_SET_CHILD_SUBREAPER, on ? 1 : 0, 0, 0, 0]);
}

/** Empties the ambient capability set. */
export function clearAmbientCapabilities(): void {
  callKernel("prctl", [PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0]);
}

/** Adds a permitted and inheritable capability to the ambient set. */
export function raiseAmbientCapability(capability: number): void {
  callKernel("prctl", [PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0]);
}

/** capset(2) of the calling thread; bit N is capability N. */
export function capset(effective: bigint, permitted: bigint, inheritable: bigint): void {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(0x20080522, 0); // _LINUX_CAPABILITY_VERSION_3
  const data = Buffer.alloc(24);
  for (const [index, set] of [effective, permitted, inheritable].entries()) {
    data.writeUInt32LE(Number(set & 0xffffffffn), index * 4);
    data.writeUInt32LE(Number((set >> 32n) & 0xffffffffn), 12 + index * 4);
  }
  callKernel("capset", [header, data]);
}

/** Real, effective and saved user id of the calling thread only. */
export function setresuidThread(uid: number): void {
  callKernel("setresuid", [uid, uid, uid]);
}

/** Real, effective and saved group id of the calling thread only. */
export function setresgidThread(gid: number): void {
  callKernel("setresgid", [gid, gid, gid]);
}

/** Supplementary groups of the calling thread only. */
export function setgroupsThread(gids: readonly number[]): void {
  const list = Buffer.alloc(gids.length * 4);
  for (const [index, gid] of gids.entries()) list.writeUInt32LE(gid, index * 4);
  callKernel("setgroups", [gids.length, list]);
}

/** Starts a session without a controlling terminal. @throws {SysError} "sys/permission" for a group leader. */
export function setsid(): void {
  callKernel("setsid", []);
}

/** Real user id of the calling thread. */
export function getuid(): number {
  return callKernel("getuid", []);
}

/** Effective user id of the calling thread. */
export function geteuid(): number {
  return callKernel("geteuid", []);
}

/** kill(2); signal 0 only checks. A zombie counts as alive: use a pidfd for liveness. */
export function kill(pid: number, signal: number): void {
  callKernel("kill", [pid, signal]);
}

/** pidfd_open(2); readable once the process has ended. @throws {SysError} errno "ESRCH". */
export function pidfdOpen(pid: number): number {
  return callKernel("pidfd_open", [pid, 0]);
}

/** pidfd_send_signal(2): never hits a process that reused the number. */
export function pidfdSendSignal(fd: number, signal: number): void {
  callKernel("pidfd_send_signal", [fd, signal, null, 0]);
}

const POLLIN = 1;

/** Waits until `fd` is readable; a pidfd is once its process has ended. Blocks the thread. Returns false on time-out. */
export function pollReadable(fd: number, timeoutMs: number): boolean {
  return pollAny([fd], timeoutMs).length > 0;
}

/** Waits until one of `fds` is readable or at its end, and returns those that are; none on time-out. Blocks the thread. */
export function pollAny(fds: readonly number[], timeoutMs: number): readonly number[] {
  const struct = Buffer.alloc(8 * fds.length);
  for (const [index, fd] of fds.entries()) {
    struct.writeInt32LE(fd, index * 8);
    struct.writeInt16LE(POLLIN, index * 8 + 4);
  }
  const timeout = Buffer.alloc(16);
  timeout.writeBigInt64LE(BigInt(Math.floor(timeoutMs / 1000)), 0);
  timeout.writeBigInt64LE(BigInt(Math.floor((timeoutMs % 1000) * 1_000_000)), 8);
  callKernel("ppoll", [struct, fds.length, timeout, null, 0]);
  return fds.filter((_, index) => struct.readInt16LE(index * 8 + 6) !== 0);
}

/** Resource limit numbers of getrlimit(2). */
export const RLIMITS = {
  cpu: 0,
  fsize: 1,
  data: 2,
  stack: 3,
  core: 4,
  rss: 5,
  nproc: 6,
  nofile: 7,
  memlock: 8,
  as: 9,
  locks: 10,
  sigpending: 11,
  msgqueue: 12,
  nice: 13,
  rtprio: 14,
  rttime: 15,
} as const;

/** A soft and a hard limit; undefined is unlimited. */
export interface ResourceLimit {
  readonly soft: bigint | undefined;
  readonly hard: bigint | undefined;
}

const RLIM_INFINITY = 0xffff_ffff_ffff_ffffn;

/** Reads a limit of process `pid` (0: this one) and sets it when `limit` is given; returns the old one. */
export function prlimit(pid: number, resource: keyof typeof RLIMITS, limit?: ResourceLimit): ResourceLimit {
  const [next, old] = [Buffer.alloc(16), Buffer.alloc(16)];
  next.writeBigUInt64LE(limit?.soft ?? RLIM_INFINITY, 0);
  next.writeBigUInt64LE(limit?.hard ?? RLIM_INFINITY, 8);
  callKernel("prlimit64", [pid, RLIMITS[resource], limit === undefined ? null : next, old], resource);
  const [soft, hard] = [old.readBigUInt64LE(0), old.readBigUInt64LE(8)];
  return { soft: soft === RLIM_INFINITY ? undefined : soft, hard: hard === RLIM_INFINITY ? undefined : hard };
}

/** Sets a limit of this process. @throws {SysError} "sys/permission" above the hard limit without CAP_SYS_RESOURCE. */
export function setrlimit(resource: keyof typeof RLIMITS, limit: ResourceLimit): void {
  prlimit(0, resource, limit);
}

/** Permission bits that new files of this process do not get; asked for without changing it for a moment. */
export function currentUmask(): number {
  const [, octal = "7777"] = /^Umask:\s*([0-7]+)/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return Number.parseInt(octal, 8);
}

/** Sets the file mode creation mask and returns the old one. */
export function umask(modeOctal: number): number {
  return callKernel("umask", [modeOctal]);
}

/** The kernel's id of the calling thread. */
export function gettid(): number {
  return callKernel("gettid", []);
}

/**
 * Replaces this process by another program, with every ignored signal back to its default action (Bun ignores SIGPIPE
 * and SIGXFSZ) and no signal blocked. Open descriptors without FD_CLOEXEC are inherited.
 * @param env The whole environment.
 * @throws {SysError} when the program cannot be executed; "sys/bad-path" for a NUL inside a text.
 */
export function execve(path: PathArg, argv: readonly PathArg[], env: Readonly<Record<string, string>>): never {
  restoreSignals();
  return execveAsIs(path, argv, env);
}

/** The same for who has called `restoreSignals` already. Blocked signals that come meanwhile wait for the new program. */
export function execveAsIs(path: PathArg, argv: readonly PathArg[], env: Readonly<Record<string, string>>): never {
  const texts = {
    argv: argv.map(cString),
    env: Object.entries(env).map(([name, value]) => cString(`${name}=${value}`)),
  };
  const program = cString(path);
  const result = tryKernel("execve", [program, pointers(texts.argv), pointers(texts.env)]);
  // Reached only on failure. Naming `texts` here also keeps their memory alive during the call.
  throw errnoError(-result, "execve", texts.argv.length < 0 ? undefined : path);
}

function pointers(texts: readonly Uint8Array[]): Uint8Array {
  const table = Buffer.alloc((texts.length + 1) * 8);
  for (const [index, text] of texts.entries()) table.writeBigUInt64LE(BigInt(ptr(text)), index * 8);
  return table;
}

/**
 * From here on a signal to end ends this process at once, as it does any program: for what becomes another program without
 * another turn, in which JavaScript would be told of it.
 */
export function dieOfSignals(): void {
  for (const signal of [SIGINT, SIGTERM]) tryKernel("rt_sigaction", [signal, Buffer.alloc(32), null, 8]);
}

const SIG_SETMASK = 2;
const SIGNAL_COUNT = 64;

/**
 * Ignored signals and the mask are what a program inherits through execve(2); handlers are reset by the kernel. Blocked
 * are these for the calling thread, while other threads still take them.
 */
export function restoreSignals(blocked: readonly number[] = []): void {
  const status = readFileSync("/proc/thread-self/status", "latin1");
  const ignored = BigInt(`0x${/^SigIgn:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  for (let signal = 1; signal <= SIGNAL_COUNT; signal++) {
    if ((ignored >> BigInt(signal - 1)) & 1n) tryKernel("rt_sigaction", [signal, Buffer.alloc(32), null, 8]);
  }
  const mask = Buffer.alloc(8);
  mask.writeBigUInt64LE(blocked.reduce((bits, signal) => bits | (1n << BigInt(signal - 1)), 0n));
  callKernel("rt_sigprocmask", [SIG_SETMASK, mask, null, 8]);
}
