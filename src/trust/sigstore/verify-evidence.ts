import type { TrustMaterial, Verifier } from "@sigstore/verify";
import { formatReason } from "../../base/errors.ts";
import type { SigstoreEvidence } from "./evidence.ts";
import type { SigstoreLibrary } from "./load-sigstore.ts";
import type { SigstoreKey } from "./public-key.ts";

/** Who signed with a certificate. */
export interface CertificateSigner {
  /** E-mail address or URI in the certificate. */
  readonly subject: string;
  /** OIDC issuer that the authority asked. */
  readonly issuer: string;
}

/** Outcome of a check: the value, or why not. */
export type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

/** Whether the signature is by that key. Certificates count for nothing here. */
export function isSignedByKey(evidence: SigstoreEvidence, key: SigstoreKey): boolean {
  const { entity } = evidence;
  return entity.key.$case === "public-key" && entity.signature.verifySignature(key.key);
}

/**
 * The whole of a keyless signature against a trust root: certificate chain at the time of signing, its log promise where
 * the root names such logs, time from the transparency log or a time stamp authority, inclusion in the log.
 */
export function verifyCertificate(
  lib: SigstoreLibrary,
  input: { readonly evidence: SigstoreEvidence; readonly material: TrustMaterial },
): Checked<CertificateSigner> {
  const { evidence, material } = input;
  if (evidence.entity.key.$case !== "certificate")
    return { ok: false, reason: "it is made with a key, without a certificate" };
  if (material.tlogs.length === 0 && material.timestampAuthorities.length === 0)
    return { ok: false, reason: "the trust root names neither a log nor a time stamp authority" };
  return attempt(lib, { evidence, material, thresholds: thresholdsOf(material) });
}

/** The same with thresholds of one's own. */
export function attempt(
  lib: SigstoreLibrary,
  input: {
    readonly evidence: SigstoreEvidence;
    readonly material: TrustMaterial;
    readonly thresholds: ConstructorParameters<typeof Verifier>[1];
  },
): Checked<CertificateSigner> {
  try {
    const signer = new lib.verify.Verifier(input.material, input.thresholds ?? {}).verify(input.evidence.entity);
    const { subjectAlternativeName = "", extensions } = signer.identity ?? {};
    return { ok: true, value: { subject: subjectAlternativeName, issuer: extensions?.issuer ?? "" } };
  } catch (reason) {
    // Every failure of the library means that the signature proves nothing; which one is part of the finding.
    return { ok: false, reason: formatReason(reason) };
  }
}

/** Logs demand an entry where the root names any. */
function thresholdsOf(material: TrustMaterial): ConstructorParameters<typeof Verifier>[1] {
  return {
    tlogThreshold: material.tlogs.length > 0 ? 1 : 0,
    ctlogThreshold: material.ctlogs.length > 0 ? 1 : 0,
    timestampThreshold: 1,
  };
}

/** Subject and issuer as the certificate says, unverified: for messages only. */
export function describeCertificate(evidence: SigstoreEvidence): string {
  const { key } = evidence.entity;
  if (key.$case !== "certificate") return "a sigstore key";
  return `a certificate for ${key.certificate.subjectAltName?.replaceAll(/\p{C}/gu, "?").slice(0, 200) ?? "nobody"}`;
}
