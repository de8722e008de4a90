/** Capability types: what domain code may ask of the machine. Implementations live in `sys/linux` and `sys/http`. */

/** Facts of one directory entry, never following a final symbolic link. */
export interface FileStat {
  readonly kind: "file" | "dir" | "symlink" | "other";
  readonly sizeBytes: number;
  readonly modeOctal: number;
  readonly modifiedAtMs: number;
  readonly changedAtMs: number;
  readonly inode: number;
}

/** A held flock(2); disposing releases it. `fd` may be inherited by a child to keep the lock over exec. */
export interface Lock extends Disposable {
  readonly fd: number;
}

/** How to lock. */
export interface LockOptions {
  readonly kind: "shared" | "exclusive";
  readonly wait: boolean;
  /** Throw "sys/not-found" instead of creating a file. */
  readonly mustExist?: boolean;
}

/** A file nobody sees until `commit`; removed on every other way out. */
export interface TempFile extends Disposable {
  /** Absolute path, for handing to another program. */
  readonly path: string;
  write(chunk: Uint8Array): void;
  /** fsync, rename to `rel` (replacing), fsync of the directory. */
  commit(rel: string, modeOctal?: number, options?: { readonly sync?: boolean }): void;
}

/**
 * A directory of our own (store, pods, keyring) and everything beneath it. `rel` is a relative path with "/" between
 * names; absolute paths, empty names, "." and ".." are refused with "sys/bad-path". Not for hostile trees: those are
 * opened with `RootedDir`.
 * All methods throw SysError ("sys/not-found", "sys/no-space", "sys/permission", "sys/errno" …).
 */
export interface Files {
  /** Absolute path of the directory. */
  readonly root: string;
  /** Absolute path of `rel`, for messages and for other programs. */
  path(rel: string): string;
  /** The same capability narrowed to a sub-directory (need not exist yet). */
  sub(rel: string): Files;
  has(rel: string): boolean;
  /** Entry names, sorted; a missing directory lists as empty. `rel` "" is the root. */
  list(rel: string): string[];
  stat(rel: string): FileStat | undefined;
  /** Facts of what `rel` leads to, final and other symbolic links followed; for places of the host that users name. */
  statFollowing(rel: string): FileStat | undefined;
  /** @throws {SysError} "sys/too-large" when the file has more than `limitBytes`. */
  readBytes(rel: string, limitBytes: number): Uint8Array;
  /** UTF-8 text; default limit 1 MiB. */
  readText(rel: string, limitBytes?: number): string;
  /** Readable in chunks, for blobs. */
  readChunks(rel: string, fromByte?: number): Iterable<Uint8Array>;
  /** temp → fsync → rename → fsync(dir); makes missing parents. A reader sees the old or the new content, never half. */
  writeAtomic(rel: string, content: string | Uint8Array, modeOctal?: number): void;
  /**
   * As `writeAtomic`, but the disk takes it in its own time: after a crash of the machine the file may be empty or absent.
   */
  replace(rel: string, content: string | Uint8Array, modeOctal?: number): void;
  /** Plain write without fsync, for run-time files that lose their meaning in a crash; makes missing parents, replaces. */
  writePlain(rel: string, content: string | Uint8Array, modeOctal?: number): void;
  /** Sets owner and mode of an entry itself (never follows a final link). */
  setOwner(rel: string, owner: { readonly uid: number; readonly gid: number; readonly modeOctal: number }): void;
  /** Appends with O_APPEND in one write(2), then fsync when `sync`. */
  append(rel: string, content: string | Uint8Array, options?: { readonly sync?: boolean }): void;
  /**
   * One write(2) over the beginning of a file, made when missing; nothing is truncated and nothing synced. For small
   * records of fixed length that a killed process must leave old or new, and that a power cut may spoil.
   */
  overwrite(rel: string, content: string | Uint8Array, modeOctal?: number): void;
  /** Cuts a file to `sizeBytes` and syncs it. */
  truncate(rel: string, sizeBytes: number): void;
  /** fdatasync of a file that exists. */
  sync(rel: string): void;
  ensureDir(rel: string, modeOctal?: number): void;
  symlink(rel: string, target: string): void;
  readLink(rel: string): string;
  /**
   * renameat2 with RENAME_NOREPLACE; with `sync` the new name is durable on return.
   * @throws {SysError} "sys/exists", "sys/not-found".
   */
  rename(from: string, to: string, options?: { readonly sync?: boolean }): void;
  /** link(2); exclusive creation of a name. @throws {SysError} "sys/exists". */
  createExclusive(rel: string, content: string, modeOctal?: number): void;
  /** Recursive, never follows links, crosses no mount; a missing entry is fine. */
  remove(rel: string): void;
  /** New temporary file in `<root>/tmp` (same file system as everything beneath the root). */
  createTemp(): TempFile;
  /** New empty temporary directory in `<root>/tmp`; the caller renames or removes it. Returns its `rel`. */
  createTempDir(): string;
  /**
   * flock on `rel` (a directory, or a file created when missing unless `mustExist`). With `wait: false` returns undefined when somebody
   * else holds it. The lock is on the inode: callers that rename or delete the target re-check after acquiring.
   */
  lock(rel: string, options: LockOptions): Lock | undefined;
}

/** One HTTP exchange to make. */
export interface HttpRequest {
  readonly url: string;
  readonly method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream is sent once, as it comes; give `content-length` with it when the size is known. */
  readonly body?: Uint8Array | string | AsyncIterable<Uint8Array>;
  /** Time without any byte arriving after which the exchange is given up; default 30 s. */
  readonly idleTimeoutMs?: number;
  /** Redirects to follow (default 10); `authorization` is not sent to another host or from https to http. */
  readonly maxRedirects?: number;
}

/** An answer whose body has not been read yet. Every read is bounded; call exactly one of the body methods. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Headers;
  /** URL after redirects. */
  readonly url: string;
  /** @throws {SysError} "sys/too-large" */
  readBytes(limitBytes: number): Promise<Uint8Array>;
  readText(limitBytes: number): Promise<string>;
  /** The raw body (never content-decoded), as it arrives. */
  chunks(): AsyncIterable<Uint8Array>;
  /** Drops the body. */
  discard(): Promise<void>;
}

/** Sends one request; rejects with SysError "sys/http-failed", "sys/http-tls" or "sys/timeout", never for a status. */
export interface HttpClient {
  send(request: HttpRequest, options?: { readonly signal?: AbortSignal }): Promise<HttpResponse>;
}

/** A program to run to its end with captured output. */
export interface Program {
  /** argv[0] is looked up in PATH when it has no slash. */
  readonly argv: readonly [string, ...string[]];
  /** The whole environment; default: PATH only. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** A stream is taken no faster than the program reads; what it does not read is dropped. */
  readonly stdin?: Uint8Array | string | AsyncIterable<Uint8Array>;
  /** Limit per captured stream (default 1 MiB); the rest is an error. */
  readonly limitBytes?: number;
  readonly timeoutMs?: number;
  /** File descriptors that become 3, 4, … in the child. */
  readonly inheritFds?: readonly number[];
}

/** How a program ended. */
export interface ProgramResult {
  /** 0–255, or 128 + signal number. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs programs. @throws {SysError} "sys/program-missing", "sys/timeout", "sys/too-large"; a non-zero exit is a result. */
export interface Programs {
  run(program: Program, options?: { readonly signal?: AbortSignal }): Promise<ProgramResult>;
}
