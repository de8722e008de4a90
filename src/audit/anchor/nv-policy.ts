import { CC, NV, TPM } from "./tpm-codes.ts";
import { u8, u16, u32 } from "./tpm-wire.ts";

/**
 * NV index of type extend that holds the log's head, and the counter its first write depends on. In the range that
 * UAPI.19 gives to Linux, away from the part systemd uses (0x01D10200 to 0x01D10224).
 */
export const NV_INDEX = 0x01d10500;
/** See `NV_INDEX`. */
export const COUNTER_INDEX = 0x01d10501;
/** Persistent handle of the attestation key. */
export const AK_HANDLE = 0x81020500;

/** Attributes of the index as defined; once written, WRITTEN is added. It stays over reboots. */
export const NV_ATTRIBUTES = NV.POLICYWRITE | NV.NT_EXTEND | NV.OWNERREAD | NV.AUTHREAD | NV.NO_DA;
/** Attributes of the counter as defined. */
export const COUNTER_ATTRIBUTES = NV.AUTHWRITE | NV.NT_COUNTER | NV.OWNERREAD | NV.AUTHREAD | NV.NO_DA;

/** The write policy of the index, and its two branches. */
export interface WritePolicy {
  /** Whoever has access to the TPM may extend an index that has been written before. */
  readonly later: Uint8Array;
  /** The first write is possible only while the counter has one value, which it never has again. */
  readonly first: Uint8Array;
  readonly digest: Uint8Array;
}

/**
 * Why two branches: an index can be deleted and made again by whoever has the owner's authority. With the same public
 * area it has the same name, but can no longer be written for the first time, because the counter has moved on, and a
 * counter that is deleted and made again continues above its old value. With another area it has another name.
 */
export function planWritePolicy(counter: Uint8Array): WritePolicy {
  const start = new Uint8Array(32);
  const later = extend(start, [u32(CC.PolicyNvWritten), u8(1)]);
  const unwritten = extend(start, [u32(CC.PolicyNvWritten), u8(0)]);
  const argumentsHash = sha256([counter, u16(0), u16(TPM.EO_EQ)]);
  const first = extend(unwritten, [u32(CC.PolicyNV), argumentsHash, counterName()]);
  return { later, first, digest: sha256([start, u32(CC.PolicyOR), later, first]) };
}

/** TPM name of an index: hash of its public area. Spec: TPM 2.0 Library, Part 1, "Names". */
export function nvNameOf(area: {
  readonly index: number;
  readonly attributes: number;
  readonly policy: Uint8Array;
  readonly sizeBytes: number;
}): Uint8Array {
  const { index, attributes, policy, sizeBytes } = area;
  const bytes = [u32(index), u16(TPM.ALG_SHA256), u32(attributes), u16(policy.byteLength), policy, u16(sizeBytes)];
  return Buffer.concat([u16(TPM.ALG_SHA256), sha256(bytes)]);
}

/** Name of the counter once it has been counted up. */
function counterName(): Uint8Array {
  const attributes = COUNTER_ATTRIBUTES | NV.WRITTEN;
  return nvNameOf({ index: COUNTER_INDEX, attributes, policy: new Uint8Array(0), sizeBytes: 8 });
}

/** What an extension makes of the value of an index. */
export function extendValue(value: Uint8Array, digest: Uint8Array): Uint8Array {
  return sha256([value, digest]);
}

function extend(digest: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  return sha256([digest, ...parts]);
}

function sha256(parts: readonly Uint8Array[]): Uint8Array {
  const hash = new Bun.CryptoHasher("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}
