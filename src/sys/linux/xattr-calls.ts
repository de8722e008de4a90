import { callKernel, cString, errnoError, errnoName, type PathArg, type SyscallArg, tryKernel } from "./libc.ts";
import type { SyscallName } from "./syscall-numbers.ts";

/** setxattr(2): follows a final link. `flags` 0, XATTR_CREATE or XATTR_REPLACE. */
export function setxattr(path: PathArg, name: PathArg, value: Uint8Array, flags = 0): void {
  callKernel("setxattr", [cString(path), cString(name), value, value.byteLength, flags], path);
}

/** lsetxattr(2): on the link itself. */
export function lsetxattr(path: PathArg, name: PathArg, value: Uint8Array, flags = 0): void {
  callKernel("lsetxattr", [cString(path), cString(name), value, value.byteLength, flags], path);
}

/** fsetxattr(2); not for O_PATH descriptors. */
export function fsetxattr(fd: number, name: PathArg, value: Uint8Array, flags = 0): void {
  callKernel("fsetxattr", [fd, cString(name), value, value.byteLength, flags], name);
}

/** Value of an extended attribute, or undefined when the file (or its file system) has none of that name. */
export function lgetxattr(path: PathArg, name: PathArg): Uint8Array | undefined {
  return readValue("lgetxattr", [cString(path), cString(name)], path);
}

/** Like `lgetxattr`, by descriptor. */
export function fgetxattr(fd: number, name: PathArg): Uint8Array | undefined {
  return readValue("fgetxattr", [fd, cString(name)], name);
}

/** Names of the extended attributes as raw bytes; empty where the file system has none. */
export function llistxattr(path: PathArg): Uint8Array[] {
  return splitNames(readValue("llistxattr", [cString(path)], path));
}

/** Like `llistxattr`, by descriptor. */
export function flistxattr(fd: number): Uint8Array[] {
  return splitNames(readValue("flistxattr", [fd]));
}

/** Removes an extended attribute of the link itself. */
export function lremovexattr(path: PathArg, name: PathArg): void {
  callKernel("lremovexattr", [cString(path), cString(name)], path);
}

/** The kernel's own limit for one value and for one list of names. */
const XATTR_SIZE_MAX = 65536;

function readValue(call: SyscallName, args: readonly SyscallArg[], path?: PathArg): Uint8Array | undefined {
  const buffer = new Uint8Array(XATTR_SIZE_MAX);
  const length = tryKernel(call, [...args, buffer, buffer.byteLength]);
  if (length >= 0) return buffer.slice(0, length);
  if (["ENODATA", "EOPNOTSUPP", "ENOTSUP"].includes(errnoName(-length))) return undefined;
  throw errnoError(-length, call, path);
}

function splitNames(list: Uint8Array | undefined): Uint8Array[] {
  const names: Uint8Array[] = [];
  if (list === undefined) return names;
  for (let start = 0, end = list.indexOf(0); end >= 0; start = end + 1, end = list.indexOf(0, start)) {
    names.push(list.slice(start, end));
  }
  return names;
}
