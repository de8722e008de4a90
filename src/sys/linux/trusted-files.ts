import { readdirSync, readFileSync } from "node:fs";
import { SysError } from "../errors.ts";
import * as k from "./constants.ts";
import { fileError } from "./file-error.ts";
import { fstat, openat2 } from "./fs-calls.ts";
import { hasErrno } from "./libc.ts";
import { OwnedFd } from "./owned-fd.ts";

/** A file of a directory of the host's configuration. */
export interface TrustedFile {
  readonly path: string;
  readonly text: string;
}

/** How many files a directory may have, and how large each may be. */
const MAX_FILES = 1000;
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Files of a directory whose names end in one of `endings`, in order of their names; a directory that is missing has
 * none. What they say is done as root: directory and files have to be root's, and nobody else's to write.
 * @throws {SysError} "sys/permission" for what is not; "sys/too-large"
 */
export function readTrustedFiles(dir: string, endings: readonly string[]): readonly TrustedFile[] {
  try {
    using opened = new OwnedFd(openat2(k.AT_FDCWD, dir, { flags: k.O_RDONLY | k.O_DIRECTORY | k.O_CLOEXEC }));
    assertRoots(dir, opened.fd);
    const names = readdirSync(`/proc/self/fd/${opened.fd}`).filter((name) => endings.some((end) => name.endsWith(end)));
    if (names.length > MAX_FILES)
      throw new SysError("sys/too-large", `Cannot read "${dir}": more than ${MAX_FILES} files`, {
        hint: "remove what is not needed there",
      });
    return names.sort().map((name) => {
      const path = `${dir}/${name}`;
      using file = new OwnedFd(openat2(opened.fd, name, { flags: k.O_RDONLY | k.O_NONBLOCK | k.O_CLOEXEC }));
      assertRoots(path, file.fd);
      if (fstat(file.fd).size > MAX_BYTES)
        throw new SysError("sys/too-large", `Cannot read "${path}": more than ${MAX_BYTES} bytes`, {
          hint: "divide the file",
        });
      return { path, text: readFileSync(`/proc/self/fd/${file.fd}`, "utf8") };
    });
  } catch (reason) {
    if (hasErrno(reason, "ENOENT")) return [];
    throw fileError(reason, `read "${dir}"`);
  }
}

function assertRoots(path: string, fd: number): void {
  const { uid, mode } = fstat(fd);
  const kind = mode & k.S_IFMT;
  if (uid === 0 && (mode & 0o022) === 0 && (kind === k.S_IFREG || kind === k.S_IFDIR)) return;
  throw new SysError("sys/permission", `Cannot use "${path}": somebody but root could have written it`, {
    hint: `make it root's alone: chown root ${path} && chmod go-w ${path}`,
  });
}
