/** Moment with the precision of the file system. */
export interface FileTime {
  /** Seconds since the epoch, may be negative. */
  readonly seconds: number;
  /** 0–999 999 999. */
  readonly nanoseconds: number;
}

/** One member of a layer, after all extended headers were applied. Names are byte strings (see `entry-path.ts`). */
export interface TarEntry {
  readonly kind: "file" | "hardlink" | "symlink" | "char" | "block" | "dir" | "fifo";
  readonly path: string;
  /** Target of links, "" otherwise. */
  readonly linkTarget: string;
  /** Permission bits with setuid, setgid and sticky: at most 0o7777. */
  readonly modeOctal: number;
  readonly uid: number;
  readonly gid: number;
  /** Content bytes that follow; 0 unless `file`. */
  readonly sizeBytes: number;
  readonly modifiedAt: FileTime;
  readonly devMajor: number;
  readonly devMinor: number;
  /** Extended attributes: name as byte string → value. */
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}
