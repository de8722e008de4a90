import type { Key } from "openpgp";
import { matchesIdentity } from "./containers/match-identity.ts";
import type { Keyring } from "./keyring.ts";
import type { JudgeCase, OfferedSignature } from "./offered-signature.ts";
import { type SignatureFinding, type SignedMessage, verifyDetached, verifyPackets } from "./openpgp/verify-detached.ts";
import type { ParsedEntry, ParsedSigstoreEntry } from "./parse-keyring.ts";
import { isCoveredBy, type Scope } from "./scope.ts";
import type { SignatureFact } from "./signature-fact.ts";
import { parseClaim, SIMPLE_TYPE } from "./simple/claim.ts";
import { readSignedMessage } from "./simple/read-signed-message.ts";
import { isDigestOfDocument, overOther } from "./subject.ts";

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
  readonly sigstore: readonly ParsedSigstoreEntry[];
}

/**
 * Judges against every key of the keyring, then narrows by scope and local revocations, so that a refusal can say
 * "known key, but not for this name". A file that is no signature becomes a bad one.
 */
export async function judgeSignatures(keys: JudgeKeys, input: JudgeInput): Promise<readonly SignatureFact[]> {
  const findings = await verifyDetached({
    message: input.message,
    signature: input.signature,
    keys: openPgpKeys(keys, input.name),
    atMs: input.atMs,
  });
  return findings.map((finding) => narrow(keys, finding, input.name));
}

/**
 * Judges a GPG simple signature: good keys count only when the signed document names this manifest and this image, as
 * podman has it by default (the same tag, or the same repository when the image is asked for by digest).
 * @throws {TrustError} "trust/bad-signature" for what is no such signature.
 */
export async function judgeSimple(
  keys: JudgeKeys,
  one: OfferedSignature,
  at: JudgeCase,
): Promise<readonly SignatureFact[]> {
  const { content, packets } = await readSignedMessage(one.bytes);
  const findings = await verifyPackets(packets, { message: content, keys: openPgpKeys(keys, at.name), atMs: at.atMs });
  const facts = findings.map((finding) => narrow(keys, finding, at.name));
  if (!facts.some((fact) => fact.kind === "good")) return facts;
  const claim = parseClaim(content, SIMPLE_TYPE);
  const document = one.over === "index" ? at.subject.index : at.subject.manifest;
  const isOurs = document !== undefined && isDigestOfDocument(document, claim.manifestDigest);
  const isNamed = matchesIdentity({ type: "matchRepoDigestOrExact" }, claim.dockerReference, at.image?.docker);
  return facts.map((fact) => {
    if (fact.kind !== "good" || (isOurs && isNamed)) return fact;
    const { fingerprint, signer } = fact;
    if (!isOurs) return overOther(signer, [claim.manifestDigest], fingerprint);
    const reason = `it is for "${claim.dockerReference.slice(0, 200)}", and this image is ${at.image?.docker ?? "not from a registry"}`;
    return { kind: "wrong-identity", fingerprint, signer, reason };
  });
}

/**
 * Every OpenPGP key once. The same fingerprint may be trusted for several scopes from files with different
 * self-signatures: those that hold for this name are the ones that count.
 */
function openPgpKeys(keys: JudgeKeys, name: string): readonly Key[] {
  const unique = new Map(keys.parsed.map((one) => [one.entry.fingerprint, one.key]));
  for (const one of keys.parsed) if (isCoveredBy(one.entry.scope, name)) unique.set(one.entry.fingerprint, one.key);
  return [...unique.values()];
}

/** A finding seen through the keyring: revoked here, or trusted for other names only. */
export function narrow(keys: JudgeKeys, finding: SignatureFinding, name: string): SignatureFact {
  if (finding.kind === "unknown-key" || finding.fingerprint === undefined) return finding;
  const { fingerprint, signer } = finding;
  const revocation = keys.keyring.revocations.get(fingerprint);
  if (revocation !== undefined)
    return { kind: "revoked", fingerprint, signer, reason: `on this host: ${revocation.reason}` };
  if (finding.kind !== "good") return finding;
  const scopes: readonly Scope[] = [...keys.parsed, ...keys.sigstore]
    .filter((one) => one.entry.fingerprint === fingerprint)
    .map((one) => one.entry.scope);
  return scopes.some((scope) => isCoveredBy(scope, name)) ? finding : { kind: "wrong-prefix", fingerprint, scopes };
}
