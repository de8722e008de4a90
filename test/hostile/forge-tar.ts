import { BLOCK_BYTES } from "../../src/image/layer/tar-header.ts";

/** Fields of a raw header; numbers may be given as the bytes that stand in the field. */
export interface ForgedMember {
  readonly path: string | Uint8Array;
  readonly type?: string;
  readonly content?: string | Uint8Array;
  readonly link?: string | Uint8Array;
  /** What the size field says; by default the content's length. */
  readonly size?: number | Uint8Array;
  readonly mode?: number | Uint8Array;
  readonly uid?: number | Uint8Array;
  readonly major?: number;
  readonly minor?: number;
  readonly magic?: "ustar" | "gnu";
  readonly wrongChecksum?: boolean;
}

/** The two zero blocks that end an archive. */
export const END = new Uint8Array(2 * BLOCK_BYTES);

/** A tar stream of members exactly as told, however wrong; no end mark. */
export function forgeTar(...members: readonly (ForgedMember | Uint8Array)[]): Uint8Array {
  return Buffer.concat(members.map((one) => (one instanceof Uint8Array ? one : forgeMember(one))));
}

function forgeMember(member: ForgedMember): Uint8Array {
  const content = bytes(member.content ?? "");
  const padding = (BLOCK_BYTES - (content.length % BLOCK_BYTES)) % BLOCK_BYTES;
  return Buffer.concat([forgeHeader(member, content.length), content, new Uint8Array(padding)]);
}

function forgeHeader(member: ForgedMember, sizeBytes: number): Uint8Array {
  const block = Buffer.alloc(BLOCK_BYTES);
  const field = (value: number | Uint8Array, at: number, length: number): void => {
    if (value instanceof Uint8Array) block.set(value.subarray(0, length), at);
    else block.write(value.toString(8).padStart(length - 1, "0"), at, "latin1");
  };
  block.set(bytes(member.path).subarray(0, 100), 0);
  field(member.mode ?? 0o644, 100, 8);
  field(member.uid ?? 0, 108, 8);
  field(0, 116, 8);
  field(member.size ?? sizeBytes, 124, 12);
  field(0, 136, 12);
  block.write("        ", 148, "latin1");
  block.write(member.type ?? "0", 156, "latin1");
  block.set(bytes(member.link ?? "").subarray(0, 100), 157);
  block.write(member.magic === "gnu" ? "ustar  \0" : "ustar\u000000", 257, "latin1");
  field(member.major ?? 0, 329, 8);
  field(member.minor ?? 0, 337, 8);
  const sum = block.reduce((total, byte) => total + byte, member.wrongChecksum === true ? 1 : 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

/** An extended header with these records; `raw` replaces their encoding. */
export function pax(records: Readonly<Record<string, string | Uint8Array>>, raw?: string | Uint8Array): ForgedMember {
  return { path: "pax", type: "x", content: raw ?? Buffer.concat(Object.entries(records).map(encodeRecord)) };
}

/** The same for everything that follows in the archive. */
export function globalPax(records: Readonly<Record<string, string>>): ForgedMember {
  return { ...pax(records), type: "g" };
}

function encodeRecord([key, value]: readonly [string, string | Uint8Array]): Uint8Array {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), bytes(value), Buffer.from("\n")]);
  let length = rest.length + 1;
  while (String(length).length + rest.length > length) length++;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** GNU long name (`L`) or long link target (`K`). */
export function gnuLong(type: "L" | "K", name: string | Uint8Array): ForgedMember {
  return { path: "././@LongLink", type, magic: "gnu", content: Buffer.concat([bytes(name), Buffer.from([0])]) };
}

/** Base-256 number field of `length` bytes: the sign bit, then `tail` in the last bytes. */
export function base256(length: number, tail: readonly number[], first = 0x80): Uint8Array {
  const field = new Uint8Array(length);
  if (first === 0xff) field.fill(0xff);
  field[0] = first;
  field.set(tail, length - tail.length);
  return field;
}

function bytes(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? Buffer.from(value, "utf8") : value;
}
