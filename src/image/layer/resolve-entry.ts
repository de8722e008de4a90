import { badArchive } from "./bad-archive.ts";
import { type ByteString, MAX_PATH_BYTES, showBytes, toByteString } from "./entry-path.ts";
import { type PaxRecords, paxInteger, paxTime, xattrsOf } from "./pax.ts";
import type { TarEntry } from "./tar-entry.ts";
import type { TarHeader } from "./tar-header.ts";

/** What extended headers before a member said about it. */
export interface Extensions {
  readonly pax: PaxRecords;
  readonly longPath: ByteString | undefined;
  readonly longLink: ByteString | undefined;
}

const KINDS: ReadonlyMap<string, TarEntry["kind"]> = new Map([
  ["0", "file"],
  ["\0", "file"],
  ["7", "file"],
  ["1", "hardlink"],
  ["2", "symlink"],
  ["3", "char"],
  ["4", "block"],
  ["5", "dir"],
  ["6", "fifo"],
]);

/** Largest user or group number; the next one means "unchanged" to the kernel. */
const MAX_ID = 0xffff_fffe;

/**
 * Joins a header with its extensions into the member it describes. Extended records win over GNU long names, those
 * over the header, as in the readers of other tools.
 * @throws {ImageError} "image/bad-layer", also for sparse files and member types that are no files.
 */
export function resolveEntry(header: TarHeader, extensions: Extensions): TarEntry {
  const { pax } = extensions;
  const path = textOf(pax.get("path")) ?? extensions.longPath ?? header.path;
  const linkTarget = textOf(pax.get("linkpath")) ?? extensions.longLink ?? header.linkTarget;
  const kind = kindOf(header, path, pax);
  const hasLink = kind === "hardlink" || kind === "symlink";
  assertName("path", path);
  if (hasLink) assertName("link target", linkTarget);
  const modifiedAt = pax.get("mtime");
  return {
    kind,
    path,
    linkTarget: hasLink ? linkTarget : "",
    modeOctal: header.modeOctal,
    uid: idOf("uid", pax, header.uid),
    gid: idOf("gid", pax, header.gid),
    sizeBytes: kind === "file" ? sizeOf(header, pax) : 0,
    modifiedAt:
      modifiedAt === undefined ? { seconds: header.modifiedAtSeconds, nanoseconds: 0 } : paxTime("mtime", modifiedAt),
    devMajor: header.devMajor,
    devMinor: header.devMinor,
    xattrs: xattrsOf(pax),
  };
}

function kindOf(header: TarHeader, path: ByteString, pax: PaxRecords): TarEntry["kind"] {
  const kind = KINDS.get(header.type);
  const sparse = header.type === "S" || [...pax.keys()].some((key) => key.startsWith("GNU.sparse."));
  if (sparse) throw badArchive(`"${showBytes(path)}" is stored as a sparse file, which is not supported`);
  if (kind === undefined)
    throw badArchive(`"${showBytes(path)}" has the unknown member type "${showBytes(header.type)}"`);
  return header.type === "\0" && path.endsWith("/") ? "dir" : kind;
}

function sizeOf(header: TarHeader, pax: PaxRecords): number {
  const record = pax.get("size");
  const size = record === undefined ? header.sizeBytes : paxInteger("size", record);
  if (size < 0) throw badArchive("size of a member is negative");
  return size;
}

function idOf(key: "uid" | "gid", pax: PaxRecords, fallback: number): number {
  const record = pax.get(key);
  const id = record === undefined ? fallback : paxInteger(key, record);
  if (id < 0 || id > MAX_ID) throw badArchive(`${key} ${id} is out of range`);
  return id;
}

/** An empty record takes a value back. */
function textOf(value: Uint8Array | undefined): ByteString | undefined {
  return value === undefined || value.length === 0 ? undefined : toByteString(value);
}

function assertName(what: string, name: ByteString): void {
  if (name === "") throw badArchive(`a member has an empty ${what}`);
  if (name.includes("\0")) throw badArchive(`${what} "${showBytes(name)}" contains a NUL byte`);
  if (name.length > MAX_PATH_BYTES)
    throw badArchive(`${what} "${showBytes(name)}" is longer than ${MAX_PATH_BYTES} bytes`);
}
