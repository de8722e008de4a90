import { dlopen, FFIType, ptr } from "bun:ffi";
import { SysError } from "../errors.ts";
import { close, pread } from "./fs-calls.ts";
import { callKernel, cString } from "./libc.ts";

const SCMP_ACT_ALLOW = 0x7fff0000;
const SCMP_ACT_ERRNO = 0x00050000;
const SCMP_CMP_EQ = 4;
const SCMP_FLTATR_ACT_BADARCH = 2;
const SCMP_FLTATR_CTL_NNP = 3;
const NO_SUCH_SYSCALL = -1;
const EPERM = 1;
const EAFNOSUPPORT = 97;
const AF_NETLINK = 16;
const NETLINK_AUDIT = 9;
const SECCOMP_SET_MODE_FILTER = 1;
/** Size of one instruction, and how many the kernel takes. Spec: linux/filter.h, `struct sock_filter`, BPF_MAXINSNS. */
const INSTRUCTION_BYTES = 8;
const MAX_INSTRUCTIONS = 4096;
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
  const { lib, filter } = makeAllowList(names);
  return {
    load() {
      const result = lib.symbols.seccomp_load(filter);
      lib.symbols.seccomp_release(filter);
      if (result < 0) throw refused("seccomp_load", result);
    },
  };
}

/**
 * The same filter as a program for `installSyscallProgram`: making it takes a hundred times longer than installing it.
 * @throws {SysError} "sys/unsupported"
 */
export function compileSyscallAllowList(names: readonly string[]): Uint8Array {
  const { lib, filter } = makeAllowList(names);
  return exportProgram(lib, filter);
}

/**
 * A program that fails socket(AF_NETLINK, …, NETLINK_AUDIT) with EAFNOSUPPORT, which programs take for a kernel without
 * audit, and allows everything else.
 * @throws {SysError} "sys/unsupported"
 */
export function compileAuditSocketDenial(): Uint8Array {
  const lib = openLibrary();
  const filter = initFilter(lib, SCMP_ACT_ALLOW);
  const socket = lib.symbols.seccomp_syscall_resolve_name(ptr(cString("socket")));
  const result = lib.symbols.seccomp_rule_add_array(
    filter,
    SCMP_ACT_ERRNO | EAFNOSUPPORT,
    socket,
    2,
    ptr(comparisons([0, AF_NETLINK], [2, NETLINK_AUDIT])),
  );
  if (result < 0) throw refused("seccomp_rule_add socket", result);
  return exportProgram(lib, filter);
}

/**
 * Confines the calling thread, and whatever it starts, by a compiled program. Needs CAP_SYS_ADMIN or no_new_privs.
 * @throws {SysError} when the kernel refuses it
 */
export function installSyscallProgram(program: Uint8Array): void {
  const count = program.byteLength / INSTRUCTION_BYTES;
  if (!Number.isInteger(count) || count === 0 || count > MAX_INSTRUCTIONS) throw refused("filter program", count);
  const header = Buffer.alloc(16); // struct sock_fprog
  header.writeUInt16LE(count, 0);
  header.writeBigUInt64LE(BigInt(ptr(program)), 8);
  // The kernel ignores the last argument: it keeps the program alive while its address is in use.
  callKernel("seccomp", [SECCOMP_SET_MODE_FILTER, 0, header, program]);
}

type Library = ReturnType<typeof openLibrary>;
type Filter = NonNullable<ReturnType<Library["symbols"]["seccomp_init"]>>;

function makeAllowList(names: readonly string[]): { readonly lib: Library; readonly filter: Filter } {
  const lib = openLibrary();
  const filter = initFilter(lib, SCMP_ACT_ERRNO | EPERM);
  for (const name of names) {
    const number = lib.symbols.seccomp_syscall_resolve_name(ptr(cString(name)));
    if (number === NO_SUCH_SYSCALL) continue;
    const result = lib.symbols.seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, 0, null);
    if (result < 0) throw refused(`seccomp_rule_add ${name}`, result);
  }
  return { lib, filter };
}

function initFilter(lib: Library, action: number): Filter {
  const filter = lib.symbols.seccomp_init(action);
  if (filter === null) throw refused("seccomp_init", 0);
  // The attribute would set no_new_privs behind our back.
  lib.symbols.seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
  lib.symbols.seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO | EPERM);
  lib.symbols.seccomp_arch_add(filter, SECONDARY_ARCH);
  return filter;
}

/** `struct scmp_arg_cmp` for each [argument, value]: all must be equal. */
function comparisons(...wanted: readonly (readonly [number, number])[]): Uint8Array {
  const table = Buffer.alloc(24 * wanted.length);
  for (const [index, [argument, value]] of wanted.entries()) {
    table.writeUInt32LE(argument, index * 24);
    table.writeUInt32LE(SCMP_CMP_EQ, index * 24 + 4);
    table.writeBigUInt64LE(BigInt(value), index * 24 + 8);
  }
  return table;
}

function exportProgram(lib: Library, filter: Filter): Uint8Array {
  const fd = callKernel("memfd_create", [cString("filter"), 1]);
  try {
    const result = lib.symbols.seccomp_export_bpf(filter, fd);
    lib.symbols.seccomp_release(filter);
    if (result < 0) throw refused("seccomp_export_bpf", result);
    const buffer = new Uint8Array(MAX_INSTRUCTIONS * INSTRUCTION_BYTES);
    return buffer.slice(0, pread(fd, buffer, 0));
  } finally {
    close(fd);
  }
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
      seccomp_export_bpf: { args: [FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
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
