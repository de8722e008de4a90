import { type ByteString, fromByteString } from "../image/layer/entry-path.ts";
import {
  AT_FDCWD,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  S_IFCHR,
  S_IFDIR,
  S_IFMT,
} from "../sys/linux/constants.ts";
import { fstat, type KernelStat, openat2 } from "../sys/linux/fs-calls.ts";
import { hasErrno } from "../sys/linux/libc.ts";
import { OwnedFd } from "../sys/linux/owned-fd.ts";
import { lgetxattr } from "../sys/linux/xattr-calls.ts";
import { OPAQUE_XATTR, type Place } from "./layer-attributes.ts";

/** A file found in an unpacked lower layer. */
export interface LowerFile extends Place {
  readonly stat: KernelStat;
}

/** Whether a file hides the one of its name in lower layers. Spec: Linux, filesystems/overlayfs.rst "whiteouts and opaque directories". */
export function isWhiteout(stat: KernelStat): boolean {
  return (stat.mode & S_IFMT) === S_IFCHR && stat.rdev === 0n;
}

/** Whether the file is a directory. */
export function isDirectory(stat: KernelStat): boolean {
  return (stat.mode & S_IFMT) === S_IFDIR;
}

/** Whether the opened directory hides its namesakes in lower layers. */
export function isOpaque(dirFd: number): boolean {
  return lgetxattr(`/proc/self/fd/${dirFd}/.`, OPAQUE_XATTR) !== undefined;
}

/** The merged view of the layers beneath the one being unpacked, for looking things up without mounting. */
export class LowerLayers implements Disposable {
  readonly #roots: OwnedFd[] = [];

  /** `dirs`: absolute paths, topmost first. */
  constructor(dirs: readonly string[]) {
    try {
      for (const dir of dirs) this.#roots.push(new OwnedFd(openat2(AT_FDCWD, dir, { flags: O_PATH | O_DIRECTORY })));
    } catch (reason) {
      this[Symbol.dispose]();
      throw reason;
    }
  }

  /** The topmost file at a path of which no part may be a link; undefined when there is none or it is hidden. */
  find(names: readonly ByteString[]): LowerFile | undefined {
    for (const root of this.#roots) {
      const found = findInLayer(root.fd, names);
      if (found === "hidden") return undefined;
      if (found !== "absent") return found;
    }
    return undefined;
  }

  [Symbol.dispose](): void {
    for (const root of this.#roots.splice(0)) root[Symbol.dispose]();
  }
}

function findInLayer(root: number, names: readonly ByteString[]): LowerFile | "absent" | "hidden" {
  let opaque = isOpaque(root);
  for (let depth = 1; depth <= names.length; depth++) {
    const name = names.slice(0, depth).join("/");
    const seen = inspect(root, name);
    if (seen === undefined) return opaque ? "hidden" : "absent";
    if (isWhiteout(seen.stat)) return "hidden";
    if (depth === names.length) return { dirFd: root, name, stat: seen.stat };
    if (!isDirectory(seen.stat)) return "hidden";
    opaque ||= seen.opaque;
  }
  return "absent";
}

function inspect(root: number, name: ByteString): { readonly stat: KernelStat; readonly opaque: boolean } | undefined {
  try {
    using file = new OwnedFd(
      openat2(root, fromByteString(name), {
        flags: O_PATH | O_NOFOLLOW,
        resolve: RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
      }),
    );
    const stat = fstat(file.fd);
    return { stat, opaque: isDirectory(stat) && isOpaque(file.fd) };
  } catch (reason) {
    if (hasErrno(reason, "ENOENT")) return undefined;
    throw reason;
  }
}
