import { type ByteString, fromByteString, toByteString } from "../image/layer/entry-path.ts";
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  S_IFCHR,
  S_IFDIR,
  S_IFMT,
} from "../sys/linux/constants.ts";
import { fstat, fstatat, type KernelStat, openat2 } from "../sys/linux/fs-calls.ts";
import { hasErrno } from "../sys/linux/libc.ts";
import { listDir } from "../sys/linux/list-dir.ts";
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
    const [top] = this.#roots;
    if (names.length === 0) return top === undefined ? undefined : { dirFd: top.fd, name: ".", stat: fstat(top.fd) };
    for (const root of this.#roots) {
      const found = findInLayer(root.fd, names);
      if (found === "hidden") return undefined;
      if (found !== "absent") return found;
    }
    return undefined;
  }

  /** Names visible in a directory (by a path without links), sorted; none when it is no directory. */
  list(names: readonly ByteString[]): ByteString[] {
    const visible = new Set<ByteString>();
    const hidden = new Set<ByteString>();
    for (const root of this.#roots) {
      const found = openInLayer(root.fd, names);
      if (found === "hidden") break;
      if (found === "absent") continue;
      using dir = found.dir;
      for (const bytes of listDir(dir.fd)) {
        const name = toByteString(bytes);
        if (visible.has(name) || hidden.has(name)) continue;
        if (isWhiteout(fstatat(dir.fd, bytes, AT_SYMLINK_NOFOLLOW))) hidden.add(name);
        else visible.add(name);
      }
      if (found.opaque) break;
    }
    return [...visible].sort();
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

/** The directory of one layer at a path; "hidden" when this layer ends the search without having one. */
function openInLayer(
  root: number,
  names: readonly ByteString[],
): { readonly dir: OwnedFd; readonly opaque: boolean } | "absent" | "hidden" {
  let opaque = isOpaque(root);
  for (let depth = 1; depth <= names.length; depth++) {
    const seen = inspect(root, names.slice(0, depth).join("/"));
    if (seen === undefined) return opaque ? "hidden" : "absent";
    if (!isDirectory(seen.stat)) return "hidden"; // a whiteout, or a file in the place of the directory
    opaque ||= seen.opaque;
  }
  const path = names.length === 0 ? "." : names.join("/");
  const how = { flags: O_PATH | O_DIRECTORY, resolve: RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
  return { dir: new OwnedFd(openat2(root, fromByteString(path), how)), opaque };
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
