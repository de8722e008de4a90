import {
  chmodSync,
  closeSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
  statSync,
  symlinkSync,
} from "node:fs";
import { SysError } from "../errors.ts";
import type { FileStat, Files, Lock, LockOptions, TempFile } from "../host.ts";
import { randomHex } from "../random.ts";
import * as k from "./constants.ts";
import { fileError, withFileErrors } from "./file-error.ts";
import {
  fchmod,
  fchmodat,
  fchownat,
  fdatasync,
  flock,
  fstat,
  fsync,
  ftruncate,
  linkat,
  openat2,
  pread,
  read,
  renameat2,
  write,
} from "./fs-calls.ts";
import { hasErrno } from "./libc.ts";
import { OwnedFd } from "./owned-fd.ts";
import { removeTree } from "./remove-tree.ts";
import { openTempFile, syncParent } from "./temp-file.ts";

const TEXT_LIMIT_BYTES = 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;

/**
 * The capability over one directory of our own; `absRoot` need not exist yet. Temporary files of it and of all its
 * `sub` capabilities live in `<absRoot>/tmp`, so that a crash never leaves half a file among the real ones.
 * @throws {SysError} "sys/bad-path" for a root that is not absolute.
 */
export function openFiles(absRoot: string): Files {
  if (!absRoot.startsWith("/"))
    throw new SysError("sys/bad-path", `Cannot open directory "${absRoot}": it is not absolute`, {
      hint: "begin it with /",
    });
  const root = absRoot.length > 1 ? absRoot.replace(/\/+$/, "") : absRoot;
  return new DirectoryFiles(root, `${root === "/" ? "" : root}/tmp`);
}

class DirectoryFiles implements Files {
  readonly root: string;
  readonly #tmp: string;

  constructor(root: string, tmp: string) {
    this.root = root;
    this.#tmp = tmp;
  }

  path(rel: string): string {
    return rel === "" ? this.root : `${this.root === "/" ? "" : this.root}/${checkRel(rel)}`;
  }

  sub(rel: string): Files {
    return new DirectoryFiles(this.path(rel), this.#tmp);
  }

  has(rel: string): boolean {
    return this.stat(rel) !== undefined;
  }

  list(rel: string): string[] {
    const path = this.path(rel);
    try {
      return readdirSync(path).sort();
    } catch (reason) {
      const error = fileError(reason, `list "${path}"`);
      if (error.code === "sys/not-found") return [];
      throw error;
    }
  }

  stat(rel: string): FileStat | undefined {
    const path = this.path(rel);
    try {
      const stat = lstatSync(path, { throwIfNoEntry: false }); // most looks are for what is not there
      return stat === undefined ? undefined : toFileStat(stat);
    } catch (reason) {
      if (hasCode(reason, "ENOENT", "ENOTDIR")) return undefined;
      throw fileError(reason, `examine "${path}"`);
    }
  }

  statFollowing(rel: string): FileStat | undefined {
    const path = this.path(rel);
    try {
      const stat = statSync(path, { throwIfNoEntry: false });
      return stat === undefined ? undefined : toFileStat(stat);
    } catch (reason) {
      if (hasCode(reason, "ENOENT", "ENOTDIR")) return undefined;
      throw fileError(reason, `examine "${path}"`);
    }
  }

  readBytes(rel: string, limitBytes: number): Uint8Array {
    const path = this.path(rel);
    return withFileErrors(`read "${path}"`, () => {
      const fd = openSync(path, "r");
      try {
        return readWhole(fd, path, limitBytes);
      } finally {
        closeSync(fd);
      }
    });
  }

  readText(rel: string, limitBytes = TEXT_LIMIT_BYTES): string {
    return new TextDecoder().decode(this.readBytes(rel, limitBytes));
  }

  *readChunks(rel: string, fromByte = 0): Iterable<Uint8Array> {
    const path = this.path(rel);
    using file = withFileErrors(`read "${path}"`, () => new OwnedFd(openat2(k.AT_FDCWD, path, { flags: k.O_RDONLY })));
    for (let offset = fromByte; ; ) {
      const chunk = new Uint8Array(CHUNK_BYTES);
      const at = offset;
      const length = withFileErrors(`read "${path}"`, () => pread(file.fd, chunk, at));
      if (length === 0) return;
      offset += length;
      yield chunk.subarray(0, length);
    }
  }

  writeAtomic(rel: string, content: string | Uint8Array, modeOctal = 0o644): void {
    using temp = this.createTemp();
    temp.write(toBytes(content));
    temp.commit(rel, modeOctal);
  }

  replace(rel: string, content: string | Uint8Array, modeOctal = 0o644): void {
    using temp = this.createTemp();
    temp.write(toBytes(content));
    temp.commit(rel, modeOctal, { sync: false });
  }

  writePlain(rel: string, content: string | Uint8Array, modeOctal = 0o644): void {
    const path = this.#pathWithParent(rel);
    withFileErrors(`write "${path}"`, () => {
      const flags = k.O_WRONLY | k.O_CREAT | k.O_TRUNC | k.O_NOFOLLOW;
      using file = new OwnedFd(openat2(k.AT_FDCWD, path, { flags, modeOctal: 0o600 }));
      fchmod(file.fd, modeOctal);
      write(file.fd, toBytes(content));
    });
  }

  setOwner(rel: string, owner: { readonly uid: number; readonly gid: number; readonly modeOctal: number }): void {
    const path = this.path(rel);
    withFileErrors(`change owner of "${path}"`, () => {
      using entry = new OwnedFd(openat2(k.AT_FDCWD, path, { flags: k.O_PATH | k.O_NOFOLLOW }));
      fchownat(entry.fd, "", owner.uid, owner.gid, k.AT_EMPTY_PATH);
      if ((fstat(entry.fd).mode & k.S_IFMT) === k.S_IFLNK) return; // links have no mode of their own
      fchmodat(k.AT_FDCWD, entry.procPath, owner.modeOctal);
    });
  }

  append(rel: string, content: string | Uint8Array, options: { readonly sync?: boolean } = {}): void {
    const path = this.#pathWithParent(rel);
    withFileErrors(`append to "${path}"`, () => {
      const flags = k.O_WRONLY | k.O_APPEND | k.O_CREAT;
      using file = new OwnedFd(openat2(k.AT_FDCWD, path, { flags, modeOctal: 0o644 }));
      write(file.fd, toBytes(content));
      if (options.sync) fsync(file.fd);
    });
  }

  overwrite(rel: string, content: string | Uint8Array, modeOctal = 0o600): void {
    const path = this.#pathWithParent(rel);
    withFileErrors(`write "${path}"`, () => {
      const flags = k.O_WRONLY | k.O_CREAT | k.O_NOFOLLOW;
      using file = new OwnedFd(openat2(k.AT_FDCWD, path, { flags, modeOctal }));
      write(file.fd, toBytes(content));
    });
  }

  truncate(rel: string, sizeBytes: number): void {
    const path = this.path(rel);
    withFileErrors(`cut "${path}"`, () => {
      using file = new OwnedFd(openat2(k.AT_FDCWD, path, { flags: k.O_WRONLY | k.O_NOFOLLOW }));
      ftruncate(file.fd, sizeBytes);
      fsync(file.fd);
    });
  }

  sync(rel: string): void {
    const path = this.path(rel);
    withFileErrors(`sync "${path}"`, () => {
      using file = new OwnedFd(openat2(k.AT_FDCWD, path, { flags: k.O_RDONLY }));
      fdatasync(file.fd);
    });
  }

  ensureDir(rel: string, modeOctal?: number): void {
    makeDirectory(this.path(rel), modeOctal);
  }

  symlink(rel: string, target: string): void {
    const path = this.#pathWithParent(rel);
    withFileErrors(`link "${path}" to "${target}"`, () => symlinkSync(target, path));
  }

  readLink(rel: string): string {
    const path = this.path(rel);
    return withFileErrors(`read link "${path}"`, () => readlinkSync(path));
  }

  rename(from: string, to: string, options: { readonly sync?: boolean } = {}): void {
    const [source, target] = [this.path(from), this.#pathWithParent(to)];
    const work = () => {
      renameat2(k.AT_FDCWD, source, k.AT_FDCWD, target, k.RENAME_NOREPLACE);
      if (options.sync === true) syncParent(target);
    };
    withFileErrors(`rename "${source}" to "${target}"`, work);
  }

  createExclusive(rel: string, content: string, modeOctal = 0o644): void {
    const path = this.#pathWithParent(rel);
    using temp = this.createTemp();
    temp.write(toBytes(content));
    withFileErrors(`create "${path}"`, () => {
      using file = new OwnedFd(openat2(k.AT_FDCWD, temp.path, { flags: k.O_RDONLY }));
      fchmod(file.fd, modeOctal);
      fsync(file.fd);
      linkat(k.AT_FDCWD, temp.path, k.AT_FDCWD, path);
      syncParent(path);
    });
  }

  remove(rel: string): void {
    const path = this.path(checkRel(rel));
    withFileErrors(`remove "${path}"`, () => {
      const cut = path.lastIndexOf("/");
      try {
        using parent = new OwnedFd(openat2(k.AT_FDCWD, path.slice(0, cut) || "/", { flags: k.O_PATH | k.O_DIRECTORY }));
        removeTree(parent.fd, path.slice(cut + 1));
      } catch (reason) {
        if (!hasErrno(reason, "ENOENT", "ENOTDIR")) throw reason; // no parent, no entry: as wanted
      }
    });
  }

  createTemp(): TempFile {
    makeDirectory(this.#tmp, 0o700);
    return openTempFile(`${this.#tmp}/${randomHex(12)}`, (rel) => this.#pathWithParent(rel));
  }

  createTempDir(): string {
    const rel = `tmp/${randomHex(12)}`;
    this.ensureDir("tmp", 0o700);
    this.ensureDir(rel, 0o755);
    return rel;
  }

  lock(rel: string, options: LockOptions): Lock | undefined {
    const path = this.path(rel);
    return withFileErrors(`lock "${path}"`, () => {
      const file = new OwnedFd(openForLock(path, options.mustExist === true));
      try {
        const kind = options.kind === "shared" ? k.LOCK_SH : k.LOCK_EX;
        flock(file.fd, options.wait ? kind : kind | k.LOCK_NB);
        return file;
      } catch (reason) {
        file[Symbol.dispose]();
        if (hasErrno(reason, "EAGAIN")) return undefined; // held by somebody else
        throw reason;
      }
    });
  }

  #pathWithParent(rel: string): string {
    const path = this.path(checkRel(rel));
    makeDirectory(path.slice(0, path.lastIndexOf("/")) || "/");
    return path;
  }
}

function checkRel(rel: string): string {
  const isBad = rel.includes("\0") || rel.split("/").some((name) => name === "" || name === "." || name === "..");
  if (!isBad) return rel;
  throw new SysError("sys/bad-path", `Cannot use path ${JSON.stringify(rel)}: it is not a plain relative path`, {
    hint: "use names separated by single slashes, without . and ..",
  });
}

function makeDirectory(path: string, modeOctal?: number): void {
  withFileErrors(`create directory "${path}"`, () => {
    const made = mkdirSync(path, { recursive: true });
    if (made !== undefined && modeOctal !== undefined) chmodSync(path, modeOctal);
  });
}

function openForLock(path: string, mustExist: boolean): number {
  try {
    return openat2(k.AT_FDCWD, path, { flags: k.O_RDONLY | k.O_NOFOLLOW });
  } catch (reason) {
    if (mustExist || !hasErrno(reason, "ENOENT")) throw reason; // a missing file is created below
  }
  makeDirectory(path.slice(0, path.lastIndexOf("/")) || "/");
  return openat2(k.AT_FDCWD, path, { flags: k.O_RDONLY | k.O_CREAT | k.O_NOFOLLOW, modeOctal: 0o600 });
}

/** Like `readAll`, through node:fs: half the time per file, which counts where a thousand small ones are read. */
function readWhole(fd: number, path: string, limitBytes: number): Uint8Array {
  const expected = fstatSync(fd).size;
  if (expected > limitBytes) throw tooLarge(path, limitBytes);
  if (expected === 0) return readAll(fd, path, limitBytes); // made by the kernel as it is read, or empty
  const buffer = new Uint8Array(expected + 1);
  const got = readSync(fd, buffer);
  if (got === expected) return buffer.subarray(0, got);
  return Buffer.concat([buffer.subarray(0, got), readAll(fd, path, limitBytes - got)]);
}

/**
 * Reads an open file to its end.
 * @throws {SysError} "sys/too-large" beyond `limitBytes`.
 */
export function readAll(fd: number, path: string, limitBytes: number): Uint8Array {
  const expected = fstat(fd).size;
  if (expected > limitBytes) throw tooLarge(path, limitBytes);
  let buffer = new Uint8Array(Math.min(limitBytes, Math.max(expected, 4096)) + 1);
  for (let length = 0; ; ) {
    const got = read(fd, buffer.subarray(length));
    length += got;
    if (length > limitBytes) throw tooLarge(path, limitBytes);
    if (got === 0) return buffer.subarray(0, length);
    if (length === buffer.byteLength) {
      const grown = new Uint8Array(Math.min(limitBytes, length * 2) + 1);
      grown.set(buffer);
      buffer = grown;
    }
  }
}

function tooLarge(path: string, limitBytes: number): SysError {
  return new SysError("sys/too-large", `Cannot read "${path}": it has more than ${limitBytes} bytes`, {
    hint: "check that it is the file you mean",
    data: { limitBytes },
  });
}

function toBytes(content: string | Uint8Array): Uint8Array {
  return typeof content === "string" ? new TextEncoder().encode(content) : content;
}

function hasCode(reason: unknown, ...codes: readonly string[]): boolean {
  return reason instanceof Error && "code" in reason && codes.includes(String(reason.code));
}

function toFileStat(stat: Stats): FileStat {
  const other = stat.isSymbolicLink() ? "symlink" : "other";
  return {
    kind: stat.isFile() ? "file" : stat.isDirectory() ? "dir" : other,
    sizeBytes: stat.size,
    modeOctal: stat.mode & 0o7777,
    modifiedAtMs: stat.mtimeMs,
    changedAtMs: stat.ctimeMs,
    inode: stat.ino,
  };
}
