import { readdirSync } from "node:fs";
import {
  AT_REMOVEDIR,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
} from "./constants.ts";
import { openat2, unlinkat } from "./fs-calls.ts";
import { hasErrno, type PathArg } from "./libc.ts";
import { OwnedFd } from "./owned-fd.ts";

/** How often a directory is listed again when somebody adds entries while it is removed. */
const MAX_PASSES = 16;

/**
 * Removes `name` in the directory `dirFd` with everything beneath it. Never follows a symbolic link, never crosses
 * into another mount (errno EXDEV or EBUSY), takes what others removed meanwhile as done. A missing name is fine.
 */
export function removeTree(dirFd: number, name: PathArg): void {
  for (let pass = 1; ; pass++) {
    try {
      if (isGone(dirFd, name)) return;
      emptyDirectory(dirFd, name);
      unlinkat(dirFd, name, AT_REMOVEDIR);
      return;
    } catch (reason) {
      if (hasErrno(reason, "ENOENT")) return; // somebody else removed it
      const raced = hasErrno(reason, "ENOTEMPTY", "ENOTDIR", "ELOOP");
      if (!raced || pass >= MAX_PASSES) throw reason;
    }
  }
}

/** True when `name` is absent afterwards; false when it is a directory. */
function isGone(dirFd: number, name: PathArg): boolean {
  try {
    unlinkat(dirFd, name);
    return true;
  } catch (reason) {
    if (hasErrno(reason, "ENOENT")) return true;
    if (hasErrno(reason, "EISDIR", "EPERM")) return false; // EPERM is what POSIX has some file systems say for a directory
    throw reason;
  }
}

function emptyDirectory(dirFd: number, name: PathArg): void {
  const resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  using dir = new OwnedFd(openat2(dirFd, name, { flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW, resolve }));
  for (const entry of readdirSync(dir.procPath, { encoding: "buffer" })) removeTree(dir.fd, entry);
}
