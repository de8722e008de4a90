import { TrustError } from "./errors.ts";
import { type JudgeKeys, judgeSignatures, judgeSimple } from "./judge-signatures.ts";
import type { JudgeCase, OfferedSignature } from "./offered-signature.ts";
import { MAX_SIGNATURE_BYTES } from "./openpgp/verify-detached.ts";
import type { SignatureFact } from "./signature-fact.ts";
import { isIndexOf } from "./subject.ts";

/** Judges one signature by the keyring. What is no signature at all counts as a bad one: others may still be enough. */
export async function judgeOffered(
  keys: JudgeKeys,
  one: OfferedSignature,
  at: JudgeCase,
): Promise<readonly SignatureFact[]> {
  if (one.bytes.byteLength > MAX_SIGNATURE_BYTES * 2) return [bad(one, "it is too large")];
  if (one.over === "index" && !isIndexOf(at.subject)) return [bad(one, "it is over an index this image is not in")];
  try {
    return await judge(keys, one, at);
  } catch (reason) {
    if (reason instanceof TrustError && reason.code === "trust/bad-signature") return [bad(one, reason.message)];
    throw reason;
  }
}

async function judge(keys: JudgeKeys, one: OfferedSignature, at: JudgeCase): Promise<readonly SignatureFact[]> {
  const { kind = "openpgp" } = one;
  if (kind === "simple") return await judgeSimple(keys, one, at);
  if (kind === "cosign" || kind === "bundle") {
    const { judgeSigstore } = await import("./judge-sigstore.ts");
    return await judgeSigstore(keys, { ...one, kind }, at);
  }
  const message = messageOf(one, at);
  if (message === undefined) return [bad(one, "the archive it is over is not at hand")];
  return await judgeSignatures(keys, { name: at.name, message, signature: one.bytes, atMs: at.atMs });
}

function messageOf(
  one: OfferedSignature,
  at: JudgeCase,
): Uint8Array | AsyncIterable<Uint8Array> | "checked-before" | undefined {
  if (one.over === "archive") return typeof at.archive === "function" ? at.archive() : at.archive;
  const document = one.over === "index" ? at.subject.index : at.subject.manifest;
  return document?.raw ?? "checked-before";
}

function bad(one: OfferedSignature, reason: string): SignatureFact {
  return { kind: "bad", signer: one.from, reason };
}
