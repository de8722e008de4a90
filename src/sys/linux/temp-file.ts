import { renameSync, unlinkSync } from "node:fs";
import type { TempFile } from "../host.ts";
import { AT_FDCWD, O_CREAT, O_DIRECTORY, O_EXCL, O_RDONLY, O_RDWR } from "./constants.ts";
import { withFileErrors } from "./file-error.ts";
import { fchmod, fsync, openat2, write } from "./fs-calls.ts";
import { OwnedFd } from "./owned-fd.ts";

/** Makes the file `path` (which must not exist); `resolveTarget` turns the name given to `commit` into a path in an existing directory. */
export function openTempFile(path: string, resolveTarget: (rel: string) => string): TempFile {
  const open = () => new OwnedFd(openat2(AT_FDCWD, path, { flags: O_CREAT | O_EXCL | O_RDWR, modeOctal: 0o600 }));
  const file = withFileErrors(`create "${path}"`, open);
  let isCommitted = false;
  return {
    path,
    write: (chunk) => withFileErrors(`write "${path}"`, () => write(file.fd, chunk)),
    commit(rel, modeOctal = 0o644, { sync = true } = {}) {
      const target = resolveTarget(rel);
      withFileErrors(`store "${target}"`, () => {
        fchmod(file.fd, modeOctal);
        if (sync) fsync(file.fd);
        renameSync(path, target);
        isCommitted = true;
        if (sync) syncParent(target);
      });
    },
    [Symbol.dispose]() {
      file[Symbol.dispose]();
      if (!isCommitted) removeIfPresent(path);
    },
  };
}

/** Makes the names in the directory that holds `path` durable. */
export function syncParent(path: string): void {
  const parent = path.slice(0, path.lastIndexOf("/")) || "/";
  using dir = new OwnedFd(openat2(AT_FDCWD, parent, { flags: O_RDONLY | O_DIRECTORY }));
  fsync(dir.fd);
}

function removeIfPresent(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Whoever cleans the tmp directory was faster; nothing is left to do.
  }
}
