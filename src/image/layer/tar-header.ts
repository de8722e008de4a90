import { badArchive } from "./bad-archive.ts";
import { type ByteString, showBytes, toByteString } from "./entry-path.ts";

/** Size of a header and the unit content is padded to. */
export const BLOCK_BYTES = 512;

/** One 512-byte header as it stands, before extended headers are applied. */
export interface TarHeader {
  readonly path: ByteString;
  readonly linkTarget: ByteString;
  readonly type: string;
  readonly modeOctal: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly modifiedAtSeconds: number;
  readonly devMajor: number;
  readonly devMinor: number;
}

/**
 * Decodes a header block, or undefined for the all-zero block that ends an archive.
 * Spec: POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format" (base-256 numbers).
 * @throws {ImageError} "image/bad-layer" for a wrong checksum or an unreadable number.
 */
export function decodeTarHeader(block: Uint8Array): TarHeader | undefined {
  const stored = readNumber(block, 148, 8, "checksum");
  const { unsigned, signed } = checksums(block);
  if (unsigned === 8 * 32 && stored === 0) return undefined;
  const path = readText(block, 0, 100);
  if (stored !== unsigned && stored !== signed) throw badArchive(`header checksum of "${showBytes(path)}" is wrong`);
  // The GNU format keeps times where POSIX keeps the path prefix; only the magic tells them apart.
  const prefix = readText(block, 257, 6) === "ustar" && block[262] === 0 ? readText(block, 345, 155) : "";
  return {
    path: prefix === "" ? path : `${prefix}/${path}`,
    linkTarget: readText(block, 157, 100),
    type: String.fromCharCode(block[156] ?? 0),
    modeOctal: readNumber(block, 100, 8, "mode") & 0o7777,
    uid: readId(block, 108, "uid"),
    gid: readId(block, 116, "gid"),
    sizeBytes: readSize(block),
    modifiedAtSeconds: readNumber(block, 136, 12, "mtime"),
    devMajor: readNumber(block, 329, 8, "devmajor"),
    devMinor: readNumber(block, 337, 8, "devminor"),
  };
}

/** Both sums over the header with its checksum field as spaces; old programs summed signed bytes. */
function checksums(block: Uint8Array): { readonly unsigned: number; readonly signed: number } {
  let unsigned = 8 * 32;
  let high = 0;
  for (let i = 0; i < BLOCK_BYTES; i++) {
    if (i >= 148 && i < 156) continue;
    const byte = block[i] ?? 0;
    unsigned += byte;
    if (byte > 127) high++;
  }
  return { unsigned, signed: unsigned - 256 * high };
}

function readText(block: Uint8Array, from: number, length: number): ByteString {
  let end = from;
  while (end < from + length && block[end] !== 0) end++;
  return toByteString(block.subarray(from, end));
}

function readSize(block: Uint8Array): number {
  const size = readNumber(block, 124, 12, "size");
  if (size < 0) throw badArchive("size of a member is negative");
  return size;
}

function readId(block: Uint8Array, from: number, field: string): number {
  const id = readNumber(block, from, 8, field);
  if (id < 0 || id > 0xffff_fffe) throw badArchive(`${field} ${id} is out of range`);
  return id;
}

function readNumber(block: Uint8Array, from: number, length: number, field: string): number {
  const first = block[from] ?? 0;
  return first >= 0x80 ? readBase256(block, from, length, field) : readOctal(block, from, length, field);
}

function readOctal(block: Uint8Array, from: number, length: number, field: string): number {
  let value = 0;
  let digits = 0;
  for (let i = from; i < from + length; i++) {
    const byte = block[i] ?? 0;
    if (byte >= 0x30 && byte <= 0x37) {
      value = value * 8 + byte - 0x30;
      digits++;
    } else if (byte === 0 || (byte === 0x20 && digits > 0)) break;
    else if (byte !== 0x20) throw badArchive(`${field} in a header is not a number`);
  }
  return value;
}

/** Big-endian two's complement with the top bit as marker. */
function readBase256(block: Uint8Array, from: number, length: number, field: string): number {
  const first = block[from] ?? 0;
  const negative = (first & 0x40) !== 0;
  let value = BigInt(negative ? (first & 0x7f) - 0x80 : first & 0x7f);
  for (let i = from + 1; i < from + length; i++) value = value * 256n + BigInt(block[i] ?? 0);
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw badArchive(`${field} in a header is out of range`);
  return number;
}
