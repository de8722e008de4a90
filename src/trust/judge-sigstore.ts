import { type JudgeKeys, narrow } from "./judge-signatures.ts";
import type { JudgeCase, OfferedSignature } from "./offered-signature.ts";
import type { SignatureFact } from "./signature-fact.ts";
import { readBundleEvidence, readCosignEvidence, type SigstoreEvidence } from "./sigstore/evidence.ts";
import { loadSigstore, type SigstoreLibrary } from "./sigstore/load-sigstore.ts";
import { hintOf, type SigstoreKey } from "./sigstore/public-key.ts";
import { readTrustRoot } from "./sigstore/trust-root.ts";
import { describeCertificate, isSignedByKey, verifyCertificate } from "./sigstore/verify-evidence.ts";
import { isDigestOfDocument, overOther, type SubjectDocument } from "./subject.ts";

/**
 * Judges a cosign signature or sigstore bundle by the sigstore keys of the keyring and, when it carries a certificate,
 * by the identities the rule for the name asks for.
 * @throws {TrustError} "trust/bad-signature" for what is none, "trust/bad-policy" for an unusable trust root.
 */
export async function judgeSigstore(
  keys: JudgeKeys,
  one: OfferedSignature & { readonly kind: "cosign" | "bundle" },
  at: JudgeCase,
): Promise<readonly SignatureFact[]> {
  const lib = await loadSigstore();
  const document = one.over === "index" ? at.subject.index : at.subject.manifest;
  if (document === undefined || one.over === "archive") return [overOther(one.from, [])];
  const evidence = readEvidence(lib, one, document);
  const signer = describeCertificate(evidence);
  const { digests } = evidence;
  if (digests !== undefined && !digests.some((digest) => isDigestOfDocument(document, digest)))
    return [overOther(signer, digests)];
  return evidence.entity.key.$case === "certificate"
    ? judgeCertificate(lib, evidence, at)
    : [judgeKeyed(keys, evidence, at.name)];
}

/** Takes a sigstore signature apart. @throws {TrustError} "trust/bad-signature" */
export function readEvidence(
  lib: SigstoreLibrary,
  one: { readonly kind: "cosign" | "bundle"; readonly bytes: Uint8Array },
  document: SubjectDocument,
): SigstoreEvidence {
  if (one.kind === "cosign") return readCosignEvidence(lib, one.bytes);
  return readBundleEvidence(lib, { bytes: one.bytes, artifact: document.raw ?? new Uint8Array() });
}

function judgeKeyed(keys: JudgeKeys, evidence: SigstoreEvidence, name: string): SignatureFact {
  const unique = new Map(keys.sigstore.map((one): [string, SigstoreKey] => [one.entry.fingerprint, one.key]));
  for (const key of unique.values()) {
    if (!isSignedByKey(evidence, key)) continue;
    const { fingerprint, standing } = key;
    const signer = fingerprint.slice(0, 16);
    if (standing.state !== "valid")
      return {
        kind: standing.state === "unusable" ? "bad" : standing.state,
        fingerprint,
        signer,
        reason: standing.reason,
      };
    return narrow(keys, { kind: "good", fingerprint, signer }, name);
  }
  const named = [...unique.values()].find((key) => hintOf(key) === evidence.hint);
  if (named === undefined) return { kind: "unknown-key", signer: "a sigstore key" };
  const { fingerprint } = named;
  return { kind: "bad", fingerprint, signer: fingerprint.slice(0, 16), reason: "signature verification failed" };
}

function judgeCertificate(lib: SigstoreLibrary, evidence: SigstoreEvidence, at: JudgeCase): readonly SignatureFact[] {
  const signer = describeCertificate(evidence);
  const names = [...new Set(at.identities.map((one) => one.trustRoot))];
  if (names.length === 0) return [{ kind: "unknown-key", signer }];
  return names.map((name): SignatureFact => {
    const root = readTrustRoot(lib, { name, bytes: at.trustRoots.get(name) ?? new Uint8Array() });
    const checked = verifyCertificate(lib, { evidence, material: root.material });
    if (!checked.ok) return { kind: "bad", signer, reason: `${checked.reason} (trust root ${name})` };
    const { subject, issuer } = checked.value;
    const isWanted = at.identities.some(
      (one) => one.trustRoot === name && one.subject === subject && one.issuer === issuer,
    );
    if (isWanted) return { kind: "good-identity", subject, issuer, trustRoot: name };
    return { kind: "unknown-key", signer: `${subject.slice(0, 200)} (issuer ${issuer.slice(0, 200)})` };
  });
}
