import { dlopen, FFIType, type Pointer, ptr, read } from "bun:ffi";
import { constants as osConstants } from "node:os";
import { SysError, type SysErrorCode } from "../errors.ts";
import { SYSCALL_NUMBERS, type SyscallName } from "./syscall-numbers.ts";

/** A path for the kernel: text (sent as UTF-8) or the raw bytes of a name that need not be UTF-8. */
export type PathArg = string | Uint8Array;

/** One argument of a system call: a number, or memory whose address is passed; `null` is the null pointer. */
export type SyscallArg = number | bigint | Uint8Array | null;

interface Libc {
  readonly call: (...args: (number | bigint)[]) => number | bigint;
  readonly errnoAt: Pointer | bigint;
  /** Which column of SYSCALL_NUMBERS this machine uses. */
  readonly column: 0 | 1;
}

let opened: Libc | undefined;

/** Opened at the first call, then kept: a command that never needs the kernel directly does not pay for it. */
function libc(): Libc {
  if (opened !== undefined) return opened;
  if (process.platform !== "linux" || (process.arch !== "x64" && process.arch !== "arm64")) {
    throw new SysError(
      "sys/unsupported",
      `Cannot call the kernel: ${process.platform} on ${process.arch} is not supported`,
      {
        hint: "run on Linux, x86_64 or aarch64",
      },
    );
  }
  const word = FFIType.i64;
  const { symbols } = dlopen("libc.so.6", {
    syscall: { args: [word, word, word, word, word, word, word], returns: FFIType.i64_fast },
    __errno_location: { args: [], returns: FFIType.ptr },
  });
  const errnoAt = symbols.__errno_location();
  if (errnoAt === null)
    throw new SysError("sys/unsupported", "Cannot call the kernel: libc has no errno", {
      hint: "use a host with glibc",
    });
  const made: Libc = { call: symbols.syscall, errnoAt, column: process.arch === "x64" ? 0 : 1 };
  opened = made;
  return made;
}

const EINTR = 4;
const EMPTY = new Uint8Array(1);

function word(arg: SyscallArg): number | bigint {
  if (arg === null) return 0;
  if (typeof arg === "object") return ptr(arg.byteLength === 0 ? EMPTY : arg);
  return arg;
}

/**
 * Makes one system call on the calling thread only (glibc's wrappers would change the identity of all threads).
 * Retries EINTR, except for close(2). Memory arguments stay alive until the call has returned.
 * @param path Named in the error message.
 * @throws {SysError} with `data.errno` and `data.syscall`.
 */
export function callKernel(name: SyscallName, args: readonly SyscallArg[], path?: PathArg): number {
  const result = tryKernel(name, args);
  if (result < 0) throw errnoError(-result, name, path);
  return result;
}

/** Like `callKernel`, but a failure is returned as the negated errno, for callers that expect it. */
export function tryKernel(name: SyscallName, args: readonly SyscallArg[]): number {
  const { call, errnoAt, column } = libc();
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = args.map(word);
  for (;;) {
    const result = Number(call(SYSCALL_NUMBERS[name][column], a, b, c, d, e, f));
    if (result >= 0) return keepAlive(args, result);
    const errno = read.i32(errnoAt);
    if (errno !== EINTR || name === "close") return keepAlive(args, -errno);
  }
}

/** Uses `args` after the call, so that the collector cannot free their memory during it. */
function keepAlive(args: readonly SyscallArg[], result: number): number {
  return args.length > 6 ? Number.NaN : result;
}

/** Second names of numbers that another name stands for in the kernel's own list. */
const ALIASES = new Set(["EWOULDBLOCK", "ENOTSUP", "EDEADLOCK"]);

const ERRNO_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(osConstants.errno)
    .filter(([name]) => !ALIASES.has(name))
    .map(([name, errno]) => [errno, name]),
);

/** `EBUSY` for 16, and so on. */
export function errnoName(errno: number): string {
  return ERRNO_NAMES.get(errno) ?? `E${errno}`;
}

const CODES: Readonly<Record<string, SysErrorCode>> = {
  ENOENT: "sys/not-found",
  EEXIST: "sys/exists",
  ENOSPC: "sys/no-space",
  EDQUOT: "sys/no-space",
  EACCES: "sys/permission",
  EPERM: "sys/permission",
};

const EXPLANATIONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EEXIST: "it exists already",
  ENOSPC: "no space is left",
  EDQUOT: "the quota is used up",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  EBUSY: "it is in use",
  EINVAL: "the kernel refuses the arguments",
  ENOSYS: "this kernel does not know the call",
  ENOTDIR: "a part of the path is not a directory",
  EISDIR: "it is a directory",
  ELOOP: "a symbolic link is in the way",
  EXDEV: "it leaves the allowed directory or file system",
  ENOTEMPTY: "the directory is not empty",
  EROFS: "the file system is read-only",
  EMFILE: "too many open files",
  ESRCH: "no such process",
  EOPNOTSUPP: "the file system does not support it",
  ENODEV: "no such device or file-system type",
  ENAMETOOLONG: "the name is too long",
};

/** The SysError code for an errno name. */
export function sysCodeOf(errno: string): SysErrorCode {
  return CODES[errno] ?? "sys/errno";
}

/** Plain words for an errno name, with the name. */
export function explainErrno(errno: string): string {
  const words = EXPLANATIONS[errno];
  return words === undefined ? errno : `${words} (${errno})`;
}

/** The SysError for a failed system call. */
export function errnoError(errno: number, syscall: string, path?: PathArg): SysError {
  const name = errnoName(errno);
  const shown = path === undefined ? undefined : formatPath(path);
  const on = shown === undefined ? "" : ` on "${shown}"`;
  return new SysError(sysCodeOf(name), `Cannot call ${syscall}${on}: ${explainErrno(name)}`, {
    data: { errno: name, syscall, ...(shown === undefined ? {} : { path: shown }) },
  });
}

/** Whether `reason` is a SysError that carries one of the errno names. */
export function hasErrno(reason: unknown, ...names: readonly string[]): boolean {
  return reason instanceof SysError && names.some((name) => reason.data["errno"] === name);
}

/** A path for messages: bytes that are not UTF-8 show as U+FFFD. */
export function formatPath(path: PathArg): string {
  return typeof path === "string" ? path : new TextDecoder().decode(path);
}

/**
 * Bytes with a closing NUL.
 * @throws {SysError} "sys/bad-path" when there is a NUL inside: the kernel would silently read a shorter name.
 */
export function cString(text: PathArg): Uint8Array {
  const bytes = typeof text === "string" ? Buffer.from(text, "utf8") : text;
  if (bytes.includes(0)) {
    throw new SysError(
      "sys/bad-path",
      `Cannot pass "${formatPath(text).replaceAll("\0", "\\0")}" to the kernel: it contains a NUL byte`,
      { hint: "remove the NUL byte" },
    );
  }
  const out = new Uint8Array(bytes.byteLength + 1);
  out.set(bytes);
  return out;
}
