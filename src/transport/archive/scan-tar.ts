import { TransportError } from "../errors.ts";

/** A regular file inside a tar archive, by position. */
export interface TarMember {
  readonly offset: number;
  readonly sizeBytes: number;
}

/** Names → where their bytes are; links → what they point at (both normalised, without a leading "./"). */
export interface TarDirectory {
  readonly files: ReadonlyMap<string, TarMember>;
  readonly links: ReadonlyMap<string, string>;
}

/** Random access to the archive. Short only at its end. */
export type ReadAt = (offset: number, count: number) => Uint8Array;

const BLOCK = 512;
const MAX_MEMBERS = 20_000;
const MAX_EXTENDED_BYTES = 65_536;

/**
 * Lists the members of a tar archive (ustar, pax and GNU long names) by reading headers only. Names given twice are
 * refused, so that no two readers can see different content under one name.
 * @throws {TransportError} "transport/bad-archive"
 * Spec: POSIX.1-2017, pax "ustar Interchange Format" and "pax Header Block".
 */
export function scanTar(
  readAt: ReadAt,
  { place, sizeBytes }: { readonly place: string; readonly sizeBytes: number },
): TarDirectory {
  const files = new Map<string, TarMember>();
  const links = new Map<string, string>();
  let extended: Extended = {};
  let members = 0;
  for (let at = 0; at + BLOCK <= sizeBytes; ) {
    const block = readAt(at, BLOCK);
    if (block.byteLength < BLOCK || block.every((byte) => byte === 0)) break;
    const header = parseHeader(block, place);
    const contentBytes = extended.sizeBytes ?? header.sizeBytes;
    const offset = at + BLOCK;
    if (++members > MAX_MEMBERS) throw badArchive(place, `it has more than ${MAX_MEMBERS} members`);
    if (offset + contentBytes > sizeBytes) throw badArchive(place, "it ends in the middle of a member");
    at = offset + Math.ceil(contentBytes / BLOCK) * BLOCK;
    if ("xLK".includes(header.type)) {
      if (contentBytes > MAX_EXTENDED_BYTES) throw badArchive(place, "an extended header is too large");
      extended = { ...extended, ...parseExtended(header.type, readAt(offset, contentBytes), place) };
      continue;
    }
    const name = normalise(extended.path ?? header.path);
    if (header.type === "0" || header.type === "\0" || header.type === "7") {
      if (files.has(name) || links.has(name)) throw badArchive(place, `it has "${name.slice(0, 100)}" twice`);
      files.set(name, { offset, sizeBytes: contentBytes });
    } else if (header.type === "1" || header.type === "2") {
      const target = extended.linkTarget ?? header.linkTarget;
      links.set(name, normalise(header.type === "1" ? target : `${name.slice(0, name.lastIndexOf("/") + 1)}${target}`));
    }
    extended = {};
  }
  return { files, links };
}

interface Header {
  readonly path: string;
  readonly linkTarget: string;
  readonly type: string;
  readonly sizeBytes: number;
}

interface Extended {
  readonly path?: string;
  readonly linkTarget?: string;
  readonly sizeBytes?: number;
}

function parseHeader(block: Uint8Array, place: string): Header {
  let sum = 0;
  for (const [index, byte] of block.entries()) sum += index >= 148 && index < 156 ? 0x20 : byte;
  if (parseNumber(block.subarray(148, 156)) !== sum) throw badArchive(place, "it is not a tar archive");
  const sizeBytes = parseNumber(block.subarray(124, 136));
  if (sizeBytes === undefined) throw badArchive(place, "a member has no readable size");
  const prefix =
    text(block.subarray(257, 263)).startsWith("ustar") && block[263] !== 0x20 ? text(block.subarray(345, 500)) : "";
  const name = text(block.subarray(0, 100));
  const type = String.fromCharCode(block[156] ?? 0);
  const isGlobal = type === "g";
  return {
    path: prefix === "" ? name : `${prefix}/${name}`,
    linkTarget: text(block.subarray(157, 257)),
    type: isGlobal ? "5" : type,
    sizeBytes,
  };
}

/** Octal, or base 256 when the first bit is set. */
function parseNumber(field: Uint8Array): number | undefined {
  if (((field[0] ?? 0) & 0x80) !== 0) {
    let value = (field[0] ?? 0) & 0x7f;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
    return Number.isSafeInteger(value) ? value : undefined;
  }
  const digits = text(field).trim();
  return /^[0-7]{1,12}$/.test(digits) ? Number.parseInt(digits, 8) : undefined;
}

function parseExtended(type: string, content: Uint8Array, place: string): Extended {
  if (type === "L") return { path: text(content) };
  if (type === "K") return { linkTarget: text(content) };
  const found: { path?: string; linkTarget?: string; sizeBytes?: number } = {};
  for (let at = 0; at < content.byteLength; ) {
    const space = content.indexOf(0x20, at);
    const length = Number(space < 0 ? Number.NaN : text(content.subarray(at, space)));
    if (!(length > space - at + 1) || at + length > content.byteLength)
      throw badArchive(place, "a pax header is malformed");
    const record = text(content.subarray(space + 1, at + length - 1));
    const value = record.slice(record.indexOf("=") + 1);
    if (record.startsWith("path=")) found.path = value;
    if (record.startsWith("linkpath=")) found.linkTarget = value;
    if (record.startsWith("size=")) found.sizeBytes = paxSize(value, place);
    at += length;
  }
  return found;
}

function paxSize(value: string, place: string): number {
  if (/^\d{1,15}$/.test(value)) return Number(value);
  throw badArchive(place, "a pax header has an unreadable size");
}

function text(field: Uint8Array): string {
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

/** Names are keys only, never paths on disk; this makes spellings of one name equal. */
function normalise(name: string): string {
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

function badArchive(place: string, state: string): TransportError {
  return new TransportError("transport/bad-archive", `Cannot read ${place}: ${state}`, {
    hint: "make or download the archive again",
  });
}
