import type { FileTime, TarEntry } from "./tar-entry.ts";
import { BLOCK_BYTES } from "./tar-header.ts";

/** A member to write; what is left out is a root-owned file of mode 0644 (0755 for directories) at the epoch. */
export interface TarInput {
  /** Text, or bytes for names that are not UTF-8. */
  readonly path: string | Uint8Array;
  readonly kind?: TarEntry["kind"];
  readonly content?: string | Uint8Array;
  readonly linkTarget?: string | Uint8Array;
  readonly modeOctal?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly modifiedAt?: FileTime;
  readonly devMajor?: number;
  readonly devMinor?: number;
  readonly xattrs?: Readonly<Record<string, string | Uint8Array>>;
}

const TYPES = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  char: "3",
  block: "4",
  dir: "5",
  fifo: "6",
} as const satisfies Record<TarEntry["kind"], string>;
const MAX_OCTAL_11 = 0o77777777777;
const MAX_OCTAL_7 = 0o7777777;

/**
 * Writes a tar archive in memory: the same members always give the same bytes. Uses pax records only where ustar is too
 * small. Spec: POSIX.1-2017, pax.
 */
export function encodeTar(entries: readonly TarInput[]): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (const entry of entries) pushEntry(blocks, entry);
  blocks.push(new Uint8Array(2 * BLOCK_BYTES));
  return Buffer.concat(blocks);
}

/** What ends an archive. */
export const TAR_END: Uint8Array = new Uint8Array(2 * BLOCK_BYTES);

/**
 * The header blocks of one member whose content of `sizeBytes` the caller writes behind them, followed by
 * `tarPadding(sizeBytes)`; `entry.content` is not looked at.
 */
export function encodeTarHeader(entry: TarInput, sizeBytes: number): Uint8Array {
  const blocks: Uint8Array[] = [];
  pushHeader(blocks, entry, sizeBytes);
  return Buffer.concat(blocks);
}

/** Zeros that fill up the last block of a content. */
export function tarPadding(sizeBytes: number): Uint8Array {
  return new Uint8Array((BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES);
}

function pushEntry(blocks: Uint8Array[], entry: TarInput): void {
  const content = (entry.kind ?? "file") === "file" ? toBytes(entry.content ?? "") : new Uint8Array();
  pushHeader(blocks, entry, content.length);
  pushContent(blocks, content);
}

function pushHeader(blocks: Uint8Array[], entry: TarInput, sizeBytes: number): void {
  const kind = entry.kind ?? "file";
  const path = toBytes(entry.path);
  const link = toBytes(entry.linkTarget ?? "");
  const modifiedAt = entry.modifiedAt ?? { seconds: 0, nanoseconds: 0 };
  const pax = paxRecordsOf(entry, path, link, sizeBytes);
  if (pax.length > 0) {
    blocks.push(
      encodeHeader({
        path: toBytes("pax"),
        link: new Uint8Array(),
        type: "x",
        mode: 0o644,
        uid: 0,
        gid: 0,
        size: pax.length,
        mtime: 0,
        major: 0,
        minor: 0,
      }),
    );
    pushContent(blocks, pax);
  }
  blocks.push(
    encodeHeader({
      path: path.subarray(0, 100),
      link: link.subarray(0, 100),
      type: TYPES[kind],
      mode: entry.modeOctal ?? (kind === "dir" ? 0o755 : 0o644),
      uid: clamp(entry.uid ?? 0, MAX_OCTAL_7),
      gid: clamp(entry.gid ?? 0, MAX_OCTAL_7),
      size: clamp(sizeBytes, MAX_OCTAL_11),
      mtime: clamp(modifiedAt.seconds, MAX_OCTAL_11),
      major: entry.devMajor ?? 0,
      minor: entry.devMinor ?? 0,
    }),
  );
}

function paxRecordsOf(entry: TarInput, path: Uint8Array, link: Uint8Array, size: number): Uint8Array {
  const records: Uint8Array[] = [];
  const { seconds, nanoseconds } = entry.modifiedAt ?? { seconds: 0, nanoseconds: 0 };
  if (path.length > 100) records.push(paxRecord("path", path));
  if (link.length > 100) records.push(paxRecord("linkpath", link));
  if ((entry.uid ?? 0) > MAX_OCTAL_7) records.push(paxRecord("uid", toBytes(String(entry.uid))));
  if ((entry.gid ?? 0) > MAX_OCTAL_7) records.push(paxRecord("gid", toBytes(String(entry.gid))));
  if (size > MAX_OCTAL_11) records.push(paxRecord("size", toBytes(String(size))));
  if (nanoseconds !== 0 || seconds < 0 || seconds > MAX_OCTAL_11)
    records.push(paxRecord("mtime", toBytes(formatTime(seconds, nanoseconds))));
  for (const [name, value] of Object.entries(entry.xattrs ?? {}))
    records.push(paxRecord(`SCHILY.xattr.${name}`, toBytes(value)));
  return Buffer.concat(records);
}

/** `length key=value\n`, where length counts itself. */
function paxRecord(key: string, value: Uint8Array): Uint8Array {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from("\n")]);
  let length = rest.length + 1;
  while (String(length).length + rest.length > length) length++;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function formatTime(seconds: number, nanoseconds: number): string {
  if (nanoseconds === 0) return String(seconds);
  if (seconds >= 0) return `${seconds}.${String(nanoseconds).padStart(9, "0")}`;
  return `-${-seconds - 1}.${String(1e9 - nanoseconds).padStart(9, "0")}`;
}

interface RawHeader {
  readonly path: Uint8Array;
  readonly link: Uint8Array;
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly major: number;
  readonly minor: number;
}

function encodeHeader(header: RawHeader): Uint8Array {
  const block = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, at: number, length: number): void =>
    void block.write(value.toString(8).padStart(length - 1, "0"), at, "latin1");
  block.set(header.path, 0);
  octal(header.mode, 100, 8);
  octal(header.uid, 108, 8);
  octal(header.gid, 116, 8);
  octal(header.size, 124, 12);
  octal(header.mtime, 136, 12);
  block.write("        ", 148, "latin1");
  block.write(header.type, 156, "latin1");
  block.set(header.link, 157);
  block.write("ustar\u000000", 257, "latin1");
  octal(header.major, 329, 8);
  octal(header.minor, 337, 8);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, "0")}\u0000 `, 148, "latin1");
  return block;
}

function pushContent(blocks: Uint8Array[], content: Uint8Array): void {
  blocks.push(content, tarPadding(content.length));
}

function toBytes(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? new TextEncoder().encode(value) : value;
}

function clamp(value: number, max: number): number {
  return value < 0 || value > max ? 0 : value;
}
