import type { Keyring } from "./keyring.ts";
import { type SignatureFinding, type SignedMessage, verifyDetached } from "./openpgp/verify-detached.ts";
import type { ParsedEntry } from "./parse-keyring.ts";
import { isCoveredBy, type Scope } from "./scope.ts";
import type { SignatureFact } from "./signature-fact.ts";

/** What to judge: one signature file, for one image name, at one moment. */
export interface JudgeInput {
  readonly name: string;
  readonly message: SignedMessage;
  readonly signature: Uint8Array;
  readonly atMs: number;
}

/** The keyring ready for judging; parse once, judge many signatures. */
export interface JudgeKeys {
  readonly keyring: Keyring;
  readonly parsed: readonly ParsedEntry[];
}

/**
 * Judges against every key of the keyring, then narrows by scope and local revocations, so that a refusal can say
 * "known key, but not for this name". A file that is no signature becomes a bad one.
 */
export async function judgeSignatures(keys: JudgeKeys, input: JudgeInput): Promise<readonly SignatureFact[]> {
  const unique = new Map(keys.parsed.map((one) => [one.entry.fingerprint, one.key]));
  // The same fingerprint may be trusted for several scopes from files with different self-signatures: those that hold
  // for this name are the ones that count.
  for (const one of keys.parsed)
    if (isCoveredBy(one.entry.scope, input.name)) unique.set(one.entry.fingerprint, one.key);
  const findings = await verifyDetached({
    message: input.message,
    signature: input.signature,
    keys: [...unique.values()],
    atMs: input.atMs,
  });
  return findings.map((finding) => narrow(keys, finding, input.name));
}

function narrow(keys: JudgeKeys, finding: SignatureFinding, name: string): SignatureFact {
  if (finding.kind === "unknown-key" || finding.fingerprint === undefined) return finding;
  const { fingerprint, signer } = finding;
  const revocation = keys.keyring.revocations.get(fingerprint);
  if (revocation !== undefined)
    return { kind: "revoked", fingerprint, signer, reason: `on this host: ${revocation.reason}` };
  if (finding.kind !== "good") return finding;
  const scopes: readonly Scope[] = keys.parsed
    .filter((one) => one.entry.fingerprint === fingerprint)
    .map((one) => one.entry.scope);
  return scopes.some((scope) => isCoveredBy(scope, name)) ? finding : { kind: "wrong-prefix", fingerprint, scopes };
}
