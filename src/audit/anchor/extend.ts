import { COUNTER_INDEX, NV_INDEX, planWritePolicy } from "./nv-policy.ts";
import type { Tpm } from "./tpm.ts";
import { NV } from "./tpm-codes.ts";

const DIGEST_BYTES = 32;
const COUNTER_BYTES = 8;

/** Extends the index; the first time with the branch that only then is open. */
export function extendIndex(
  tpm: Tpm,
  digestHex: string,
  write: { readonly isFirst: boolean; readonly counter: number },
): void {
  const counter = counterBytes(write.counter);
  const policy = planWritePolicy(counter);
  const session = tpm.startPolicySession();
  try {
    tpm.policyNvWritten(session, !write.isFirst);
    if (write.isFirst) tpm.policyNvEquals(session, COUNTER_INDEX, counter);
    tpm.policyOr(session, [policy.later, policy.first]);
    tpm.nvExtend(NV_INDEX, Buffer.from(digestHex, "hex"), session);
  } catch (reason) {
    flushQuietly(tpm, session);
    throw reason;
  }
}

/** What the index is now. */
export interface IndexReading {
  /** TPM name, hexadecimal. */
  readonly name: string;
  /** Hexadecimal; undefined while it was never written. */
  readonly value: string | undefined;
}

/** Undefined when there is no such index. */
export function readIndex(tpm: Tpm): IndexReading | undefined {
  const area = tpm.nvReadPublic(NV_INDEX);
  if (area === undefined) return undefined;
  const name = Buffer.from(area.name).toString("hex");
  const isWritten = (area.attributes & NV.WRITTEN) !== 0;
  return { name, value: isWritten ? Buffer.from(tpm.nvRead(NV_INDEX, DIGEST_BYTES)).toString("hex") : undefined };
}

/** Value of the counter; undefined when there is none, or it was never counted up. */
export function readCounter(tpm: Tpm): number | undefined {
  const area = tpm.nvReadPublic(COUNTER_INDEX);
  if (area === undefined || (area.attributes & NV.WRITTEN) === 0) return undefined;
  return Number(Buffer.from(tpm.nvRead(COUNTER_INDEX, COUNTER_BYTES)).readBigUInt64BE(0));
}

/** The counter's value as the TPM compares it. */
export function counterBytes(value: number): Uint8Array {
  const bytes = Buffer.alloc(COUNTER_BYTES);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

function flushQuietly(tpm: Tpm, session: number): void {
  try {
    tpm.flush(session);
  } catch {
    // The failure that led here is the one to tell; a session left over is found by the next command.
  }
}
