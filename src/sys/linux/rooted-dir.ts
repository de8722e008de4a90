import { SysError } from "../errors.ts";
import * as k from "./constants.ts";
import { withFileErrors } from "./file-error.ts";
import { readAll } from "./files.ts";
import { close, fchmod, fstat, fstatat, type KernelStat, mkdirat, openat2, readlinkat } from "./fs-calls.ts";
import { formatPath, hasErrno } from "./libc.ts";
import { OwnedFd } from "./owned-fd.ts";

const IN_ROOT = k.RESOLVE_IN_ROOT | k.RESOLVE_NO_MAGICLINKS;
const BENEATH = k.RESOLVE_BENEATH | k.RESOLVE_NO_SYMLINKS | k.RESOLVE_NO_MAGICLINKS;
const TEXT_LIMIT_BYTES = 1024 * 1024;
/** The kernel's own limit on links in one path. */
const MAX_LINKS = 40;

/**
 * Handle on a directory that holds a hostile tree (an unpacked image). Paths are as a process chrooted there would say
 * them; the kernel resolves them, symbolic links included, so that no path leaves the directory.
 */
export class RootedDir implements Disposable {
  readonly #dir: OwnedFd;
  /** Where the directory was when opened; for messages only. */
  readonly root: string;

  constructor(dir: OwnedFd, root: string) {
    this.#dir = dir;
    this.root = root;
  }

  /** @throws {SysError} "sys/not-found" … */
  static open(absPath: string): RootedDir {
    const open = () => openat2(k.AT_FDCWD, absPath, { flags: k.O_PATH | k.O_DIRECTORY });
    return new RootedDir(new OwnedFd(withFileErrors(`open "${absPath}"`, open)), absPath);
  }

  /** The directory's own descriptor (O_PATH). */
  get fd(): number {
    return this.#dir.fd;
  }

  /** An O_PATH descriptor for `path`; with `follow: false` a final symbolic link is itself opened. */
  resolve(path: string, options: { readonly follow: boolean }): OwnedFd {
    return this.#open(path, k.O_PATH | (options.follow ? 0 : k.O_NOFOLLOW));
  }

  /** A regular file for reading, links inside the root followed; a FIFO or device is refused instead of waited for. */
  openFile(path: string): OwnedFd {
    const file = this.#open(path, k.O_RDONLY | k.O_NONBLOCK | k.O_NOCTTY);
    if ((fstat(file.fd).mode & k.S_IFMT) === k.S_IFREG) return file;
    file[Symbol.dispose]();
    throw new SysError("sys/bad-path", `Cannot open "${path}" in "${this.root}": it is not a regular file`, {
      hint: "name a regular file of the image",
    });
  }

  /** A directory for reading, refusing every symbolic link on the way. */
  openDirBeneath(path: string): OwnedFd {
    const how = { flags: k.O_RDONLY | k.O_DIRECTORY, resolve: BENEATH };
    return this.#guard("open", path, () => new OwnedFd(openat2(this.fd, relative(path), how)));
  }

  /** Facts of what `path` leads to, or undefined when there is nothing. */
  stat(path: string): KernelStat | undefined {
    try {
      using found = this.resolve(path, { follow: true });
      return fstat(found.fd);
    } catch (reason) {
      if (hasErrno(reason, "ENOENT", "ENOTDIR")) return undefined;
      throw reason;
    }
  }

  /** @throws {SysError} "sys/too-large" beyond `limitBytes`, "sys/not-found". */
  readBytes(path: string, limitBytes: number): Uint8Array {
    using file = this.openFile(path);
    return this.#guard("read", path, () => readAll(file.fd, path, limitBytes));
  }

  /** UTF-8 text of a file, or undefined when it does not exist; default limit 1 MiB. */
  readTextIfPresent(path: string, limitBytes = TEXT_LIMIT_BYTES): string | undefined {
    try {
      return new TextDecoder().decode(this.readBytes(path, limitBytes));
    } catch (reason) {
      if (hasErrno(reason, "ENOENT", "ENOTDIR")) return undefined;
      throw reason;
    }
  }

  /**
   * Makes the directory and its missing parents (`modeOctal` exactly, whatever the umask). Symbolic links are followed
   * inside the root, dangling ones too: their target is made. Returns a descriptor of it.
   */
  ensureDir(path: string, modeOctal = 0o755): OwnedFd {
    return this.#guard("create directory", path, () => this.#walk(names(path), modeOctal));
  }

  /** Makes an empty file (mode 0644) unless something is there already. Returns an O_PATH descriptor of it. */
  ensureFile(path: string): OwnedFd {
    return this.#guard("create file", path, () => {
      const { parents, last } = splitLast(path);
      let [dir, leaf] = [this.#walk(parents, 0o755), last];
      for (let links = 0; links < MAX_LINKS; links++) {
        using parent = dir;
        const target = linkTarget(parent.fd, leaf);
        if (target === undefined) return openOrCreate(parent.fd, leaf);
        const here = target.startsWith("/") ? [] : this.#namesOf(parent);
        const next = splitLast([...here, ...names(target)].join("/"));
        [dir, leaf] = [this.#walk(next.parents, 0o755), next.last];
      }
      dir[Symbol.dispose]();
      throw tooManyLinks(path);
    });
  }

  [Symbol.dispose](): void {
    this.#dir[Symbol.dispose]();
  }

  #open(path: string, flags: number): OwnedFd {
    return this.#guard("open", path, () => new OwnedFd(openat2(this.fd, path, { flags, resolve: IN_ROOT })));
  }

  #guard<T>(verb: string, path: string, work: () => T): T {
    return withFileErrors(`${verb} "${path}" in "${this.root}"`, work);
  }

  /**
   * Walks name by name with a stack of open directories, so that ".." is the directory we came from and never the
   * parent of the root, whatever is renamed meanwhile.
   */
  #walk(path: readonly string[], modeOctal: number): OwnedFd {
    const stack: OwnedFd[] = [new OwnedFd(openat2(this.fd, ".", { flags: k.O_PATH | k.O_DIRECTORY }))];
    const todo = [...path].reverse();
    try {
      for (let links = 0; todo.length > 0; ) {
        const name = todo.pop() ?? ".";
        const dir = stack.at(-1) ?? this.#dir;
        if (name === "..") {
          if (stack.length > 1) stack.pop()?.[Symbol.dispose]();
          continue;
        }
        const target = linkTarget(dir.fd, name);
        if (target === undefined) {
          stack.push(openOrMakeDir(dir.fd, name, modeOctal));
          continue;
        }
        if (++links > MAX_LINKS) throw tooManyLinks(path.join("/"));
        if (target.startsWith("/")) for (const above of stack.splice(1)) above[Symbol.dispose]();
        todo.push(...names(target).reverse());
      }
      return stack.pop() ?? new OwnedFd(-1);
    } finally {
      for (const dir of stack) dir[Symbol.dispose]();
    }
  }

  #namesOf(dir: OwnedFd): string[] {
    const [own, there] = [this.#dir, dir].map((d) => formatPath(readlinkat(k.AT_FDCWD, d.procPath)));
    if (own === undefined || there === undefined || there === own) return [];
    const prefix = own === "/" ? "/" : `${own}/`;
    return names(there.startsWith(prefix) ? there.slice(prefix.length) : "");
  }
}

function names(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

function relative(path: string): string {
  return names(path).join("/") || ".";
}

function splitLast(path: string): { readonly parents: string[]; readonly last: string } {
  const all = names(path);
  const last = all.pop();
  if (last !== undefined && last !== "..") return { parents: all, last };
  throw new SysError("sys/bad-path", `Cannot create file "${path}": it names a directory`, { hint: "name a file" });
}

function linkTarget(dirFd: number, name: string): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readlinkat(dirFd, name));
  } catch (reason) {
    if (hasErrno(reason, "EINVAL", "ENOENT")) return undefined; // not a link, or nothing there
    throw reason;
  }
}

function openOrMakeDir(dirFd: number, name: string, modeOctal: number): OwnedFd {
  const open = () =>
    new OwnedFd(openat2(dirFd, name, { flags: k.O_RDONLY | k.O_DIRECTORY | k.O_NOFOLLOW, resolve: BENEATH }));
  try {
    return open();
  } catch (reason) {
    if (!hasErrno(reason, "ENOENT")) throw reason; // missing: made below
  }
  try {
    mkdirat(dirFd, name, 0o700);
  } catch (reason) {
    if (!hasErrno(reason, "EEXIST")) throw reason;
    return open(); // somebody else made it meanwhile
  }
  const made = open();
  fchmod(made.fd, modeOctal);
  return made;
}

function openOrCreate(dirFd: number, name: string): OwnedFd {
  try {
    fstatat(dirFd, name, k.AT_SYMLINK_NOFOLLOW);
  } catch (reason) {
    if (!hasErrno(reason, "ENOENT")) throw reason; // missing: made below
    const flags = k.O_CREAT | k.O_EXCL | k.O_WRONLY | k.O_NOFOLLOW;
    close(openat2(dirFd, name, { flags, modeOctal: 0o644, resolve: BENEATH }));
  }
  return new OwnedFd(openat2(dirFd, name, { flags: k.O_PATH | k.O_NOFOLLOW, resolve: BENEATH }));
}

function tooManyLinks(path: string): SysError {
  return new SysError("sys/bad-path", `Cannot follow "${path}": too many symbolic links`, {
    hint: "look for links that lead to themselves",
  });
}
