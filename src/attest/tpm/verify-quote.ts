import { verify } from "node:crypto";
import { counterBytes } from "../../audit/anchor/extend.ts";
import { NV_ATTRIBUTES, NV_INDEX, nvNameOf, planWritePolicy } from "../../audit/anchor/nv-policy.ts";
import { NV } from "../../audit/anchor/tpm-codes.ts";
import { sha256Hex } from "../../audit/merkle/hash.ts";
import type { NodeProblem } from "../problems.ts";
import type { QuoteAnswer } from "../protocol.ts";
import { type AttestStructure, parseAttestStructure } from "./attest-structure.ts";
import { parseAttestationKey } from "./public-area.ts";

/** What a quote must be signed by and about. Hexadecimal. */
export interface QuoteExpectation {
  readonly nonce: string;
  readonly akName: string;
  readonly ekHash: string;
  readonly nvName: string;
}

/** What a TPM has just said. */
export interface QuoteFacts {
  readonly nvValue: string;
  readonly clockMs: number;
  readonly resetCount: number;
  readonly restartCount: number;
  /** Digest over all SHA-256 PCRs: how the host was booted. */
  readonly pcrDigest: string;
}

/**
 * Holds a quote against what was established at the enrolment: key, signatures, nonce, index.
 * @throws {AttestError} "attest/not-proven" for keys and statements that are none
 */
export function verifyQuote(quote: QuoteAnswer, expected: QuoteExpectation): NodeProblem | QuoteFacts {
  const ak = parseAttestationKey(Buffer.from(quote.ak, "base64"));
  if (ak.name !== expected.akName) return otherKey(quote.ek.publicKey, expected.ekHash);
  const parts = [quote.nv, quote.pcr].map(({ message, signature }) => ({
    message: Buffer.from(message, "base64"),
    signature: Buffer.from(signature, "base64"),
  }));
  if (!parts.every(({ message, signature }) => verify("sha256", message, ak.key, signature)))
    return { kind: "quote-forged", detail: "the quote is not signed by the attestation key of this node" };
  const [nv, pcr] = parts.map(({ message }) => parseAttestStructure(message)) as [AttestStructure, AttestStructure];
  if (nv.extraData !== expected.nonce || pcr.extraData !== expected.nonce)
    return { kind: "quote-replayed", detail: "the quote answers another nonce than the one just sent" };
  if (nv.attested.kind !== "nv" || pcr.attested.kind !== "quote" || nv.attested.offset !== 0)
    return { kind: "quote-forged", detail: "the TPM has signed something else than index and PCRs" };
  if (nv.attested.indexName !== expected.nvName)
    return { kind: "index-recreated", detail: "the TPM certifies another index than that of the enrolment" };
  const { clockMs, resetCount, restartCount } = nv;
  return { nvValue: nv.attested.contents, clockMs, resetCount, restartCount, pcrDigest: pcr.attested.pcrDigest };
}

/** The TPM's clock goes back only when its state was restored. Its counters are blinded by a constant, so only steps count. */
export function compareClock(before: QuoteFacts, now: QuoteFacts): NodeProblem | undefined {
  const step = (now.resetCount - before.resetCount) >>> 0;
  const isBack = step > 0x7fff_ffff || (step === 0 && now.clockMs < before.clockMs);
  if (!isBack) return undefined;
  return {
    kind: "tpm-rolled-back",
    detail: "the TPM's clock or reset counter went back: its state was restored from a copy",
  };
}

/** Name that the index has when it is of our kind: type extend, our policy, closed with this value of the counter. */
export function expectedNvName(counter: number): string {
  const { digest: policy } = planWritePolicy(counterBytes(counter));
  const area = { index: NV_INDEX, attributes: NV_ATTRIBUTES | NV.WRITTEN, policy, sizeBytes: 32 };
  return Buffer.from(nvNameOf(area)).toString("hex");
}

/** Tells a cleared TPM from another one. */
export function otherKey(ekPem: string, ekHash: string): NodeProblem {
  return sha256Hex(ekPem) === ekHash
    ? { kind: "tpm-cleared", detail: "the TPM was cleared since the enrolment: it has another attestation key" }
    : { kind: "tpm-replaced", detail: "this is another TPM than that of the enrolment" };
}
