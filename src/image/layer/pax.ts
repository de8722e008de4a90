import { badArchive } from "./bad-archive.ts";
import { type ByteString, toByteString } from "./entry-path.ts";
import type { FileTime } from "./tar-entry.ts";

/** Records of one extended header; values stay bytes because names and attributes are. */
export type PaxRecords = ReadonlyMap<ByteString, Uint8Array>;

const MAX_RECORDS = 10_000;
const XATTR_PREFIX = "SCHILY.xattr.";

/**
 * Decodes `length key=value\n` records; the last of a key wins.
 * Spec: POSIX.1-2017, pax, "pax Extended Header".
 * @throws {ImageError} "image/bad-layer".
 */
export function decodePax(bytes: Uint8Array): PaxRecords {
  const records = new Map<ByteString, Uint8Array>();
  let at = 0;
  // Some writers pad the data with NUL bytes up to the block.
  while (at < bytes.length && bytes[at] !== 0) {
    const space = bytes.indexOf(0x20, at);
    const lengthText = space < 0 || space - at > 8 ? "" : toByteString(bytes.subarray(at, space));
    const end = at + Number(lengthText);
    if (!/^[0-9]+$/.test(lengthText) || end > bytes.length || end <= space || bytes[end - 1] !== 0x0a) {
      throw badArchive("extended header has a record of wrong length");
    }
    const equals = bytes.indexOf(0x3d, space);
    if (equals < 0 || equals >= end || equals === space + 1)
      throw badArchive("extended header has a record without key");
    records.set(toByteString(bytes.subarray(space + 1, equals)), bytes.slice(equals + 1, end - 1));
    if (records.size > MAX_RECORDS) throw badArchive(`extended header has more than ${MAX_RECORDS} records`);
    at = end;
  }
  return records;
}

/** The extended attributes among the records; none for most files. */
export function xattrsOf(records: PaxRecords): ReadonlyMap<ByteString, Uint8Array> {
  const xattrs = new Map<ByteString, Uint8Array>();
  for (const [key, value] of records) {
    if (key.startsWith(XATTR_PREFIX) && key.length > XATTR_PREFIX.length)
      xattrs.set(key.slice(XATTR_PREFIX.length), value);
  }
  return xattrs;
}

/** A decimal whole number of a record, at most the safe range. */
export function paxInteger(key: string, value: Uint8Array): number {
  const text = toByteString(value);
  const number = Number(text);
  if (!/^-?[0-9]{1,16}$/.test(text) || !Number.isSafeInteger(number))
    throw badArchive(`${key} in an extended header is not a number`);
  return number;
}

/** A time record `seconds[.fraction]`, cut off at nanoseconds. */
export function paxTime(key: string, value: Uint8Array): FileTime {
  const [, sign = "", whole, fraction = ""] = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(toByteString(value)) ?? [];
  if (whole === undefined) throw badArchive(`${key} in an extended header is not a time`);
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, "0"));
  if (sign === "") return { seconds: Number(whole), nanoseconds };
  return nanoseconds === 0
    ? { seconds: 0 - Number(whole), nanoseconds: 0 }
    : { seconds: -Number(whole) - 1, nanoseconds: 1e9 - nanoseconds };
}
