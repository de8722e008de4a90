import { dlopen, FFIType, ptr } from "bun:ffi";
import { SysError } from "../errors.ts";
import { cString } from "./libc.ts";

const SCMP_ACT_ALLOW = 0x7fff0000;
const SCMP_ACT_ERRNO = 0x00050000;
const NO_SUCH_SYSCALL = -1;
const EPERM = 1;
/** Architectures whose programs also run on this machine: i386 on x86-64, 32-bit ARM on aarch64. */
const SECONDARY_ARCH = process.arch === "arm64" ? 0x40000028 : 0x40000003;

/** A system call filter that is complete but not in force yet. */
export interface SyscallFilter {
  /** Confines the calling thread, and whatever it starts. Needs CAP_SYS_ADMIN or no_new_privs. Call once. */
  load(): void;
}

/**
 * Makes a filter that allows the named system calls and fails others with EPERM. Names this machine does not know are
 * skipped, as systemd does. The library is read now: after entering another root it could not be found.
 * @throws {SysError} "sys/unsupported" when libseccomp is missing or the kernel refuses the filter.
 */
export function createSyscallAllowList(names: readonly string[]): SyscallFilter {
  const lib = openLibrary();
  const filter = lib.symbols.seccomp_init(SCMP_ACT_ERRNO | EPERM);
  if (filter === null) throw refused("seccomp_init", 0);
  // The attribute would set no_new_privs behind our back.
  lib.symbols.seccomp_attr_set(filter, 3, 0);
  lib.symbols.seccomp_arch_add(filter, SECONDARY_ARCH);
  for (const name of names) {
    const number = lib.symbols.seccomp_syscall_resolve_name(ptr(cString(name)));
    if (number === NO_SUCH_SYSCALL) continue;
    const result = lib.symbols.seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, 0, null);
    if (result < 0) throw refused(`seccomp_rule_add ${name}`, result);
  }
  return {
    load() {
      const result = lib.symbols.seccomp_load(filter);
      lib.symbols.seccomp_release(filter);
      if (result < 0) throw refused("seccomp_load", result);
    },
  };
}

function openLibrary() {
  try {
    return dlopen("libseccomp.so.2", {
      seccomp_init: { args: [FFIType.u32], returns: FFIType.ptr },
      seccomp_release: { args: [FFIType.ptr], returns: FFIType.void },
      seccomp_attr_set: { args: [FFIType.ptr, FFIType.i32, FFIType.u32], returns: FFIType.i32 },
      seccomp_arch_add: { args: [FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
      seccomp_syscall_resolve_name: { args: [FFIType.ptr], returns: FFIType.i32 },
      seccomp_rule_add_array: {
        args: [FFIType.ptr, FFIType.u32, FFIType.i32, FFIType.u32, FFIType.ptr],
        returns: FFIType.i32,
      },
      seccomp_load: { args: [FFIType.ptr], returns: FFIType.i32 },
    });
  } catch (reason) {
    throw new SysError("sys/unsupported", "Cannot confine system calls: libseccomp.so.2 is not there", {
      hint: "install it: apt-get install libseccomp2",
      cause: reason,
    });
  }
}

function refused(step: string, result: number): SysError {
  return new SysError("sys/unsupported", `Cannot confine system calls: ${step} failed (${result})`, {
    hint: "check that the kernel has CONFIG_SECCOMP_FILTER",
    data: { step, result },
  });
}
