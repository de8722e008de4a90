import { X509Certificate as NodeCertificate } from "node:crypto";
import type { X509Certificate } from "@sigstore/core";
import type { TrustMaterial } from "@sigstore/verify";
import { TrustError } from "../errors.ts";
import type { SignatureFact } from "../signature-fact.ts";
import type { SigstoreEvidence } from "../sigstore/evidence.ts";
import type { SigstoreLibrary } from "../sigstore/load-sigstore.ts";
import type { SigstoreKey } from "../sigstore/public-key.ts";
import { attempt, type Checked, describeCertificate } from "../sigstore/verify-evidence.ts";
import type { SigstoreSigner } from "./policy.ts";
import { ALWAYS, isLoggedFor, logsOf } from "./rekor-check.ts";

/** Authorities and identity that a certificate has to satisfy. */
export interface CertificateDemand {
  readonly signer: Exclude<SigstoreSigner, { readonly kind: "keys" }>;
  /** PEM certificates. */
  readonly roots: Uint8Array;
  readonly intermediates: Uint8Array | undefined;
  readonly rekor: readonly SigstoreKey[];
  readonly atMs: number;
}

/** Most certificates in one file or chain. */
const MAX_CERTIFICATES = 64;
const EXT_KEY_USAGE = "2.5.29.37";
/** DER of the object identifier for code signing, 1.3.6.1.5.5.7.3.3, with tag and length. */
const CODE_SIGNING = Buffer.from("06082b06010505070303", "hex");

/**
 * A check of signatures made with certificates: chain to one of the roots, code signing allowed, identity exact; with
 * Fulcio at the time the log promised, with a private PKI as of now.
 * @throws {TrustError} "trust/bad-key" for roots that are no certificates.
 */
export function prepareCertificateCheck(
  lib: SigstoreLibrary,
  demand: CertificateDemand,
): (evidence: SigstoreEvidence) => SignatureFact {
  const roots = readCertificates(lib, demand.roots);
  const trusted = demand.intermediates === undefined ? [] : readCertificates(lib, demand.intermediates);
  return (evidence) => {
    const signer = describeCertificate(evidence);
    const { key } = evidence.entity;
    if (key.$case !== "certificate") return { kind: "unknown-key", signer };
    const sent = readSentChain(lib, evidence.chain);
    if (sent === undefined) return { kind: "bad", signer, reason: "its certificate chain is malformed" };
    const certChain = admit(roots, [...trusted, ...sent]);
    const checked =
      demand.signer.kind === "fulcio"
        ? checkFulcio(lib, { evidence, certChain, demand })
        : checkPki(lib, { evidence, certChain, demand });
    if (!checked.ok) return { kind: "bad", signer, reason: checked.reason };
    if (!allowsCodeSigning(key.certificate))
      return { kind: "bad", signer, reason: "its certificate is not for code signing" };
    const wrong = findWrongIdentity(demand.signer, key.certificate, checked.value);
    if (wrong !== undefined) return { kind: "wrong-identity", fingerprint: signer, signer, reason: wrong };
    const subject = key.certificate.subjectAltName ?? "";
    return { kind: "good-identity", subject, issuer: checked.value, trustRoot: "policy.json" };
  };
}

interface Check {
  readonly evidence: SigstoreEvidence;
  readonly certChain: X509Certificate[];
  readonly demand: CertificateDemand;
}

/** The OIDC issuer in the certificate, once everything holds. */
function checkFulcio(lib: SigstoreLibrary, { evidence, certChain, demand }: Check): Checked<string> {
  const [entry] = evidence.entity.tlogEntries;
  if (entry?.inclusionPromise === undefined)
    return { ok: false, reason: "it carries no promise of the transparency log" };
  const checked = attempt(lib, {
    evidence,
    material: materialOf(certChain, logsOf(demand.rekor)),
    thresholds: { tlogThreshold: 1, ctlogThreshold: 0, timestampThreshold: 1 },
  });
  if (!checked.ok) return checked;
  const logged = isLoggedFor(lib, entry.canonicalizedBody, pemOf(evidence));
  return logged.ok ? { ok: true, value: checked.value.issuer } : logged;
}

/** No log and no dates of signing: the certificate has to be valid now. */
function checkPki(lib: SigstoreLibrary, { evidence, certChain, demand }: Check): Checked<string> {
  const { entity } = evidence;
  const [entry] = entity.tlogEntries;
  const atMs = String(Math.floor(demand.atMs / 1000));
  const now = {
    $case: "transparency-log" as const,
    tlogEntry: {
      logIndex: "0",
      logId: { keyId: Buffer.alloc(0) },
      kindVersion: entry?.kindVersion ?? { kind: "", version: "" },
      integratedTime: atMs,
      inclusionPromise: { signedEntryTimestamp: Buffer.alloc(0) },
      inclusionProof: undefined,
      canonicalizedBody: Buffer.alloc(0),
    },
  };
  const checked = attempt(lib, {
    evidence: { ...evidence, entity: { ...entity, tlogEntries: [], timestamps: [now] } },
    material: materialOf(certChain, []),
    thresholds: { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 1 },
  });
  return checked.ok ? { ok: true, value: "" } : checked;
}

function materialOf(certChain: X509Certificate[], tlogs: TrustMaterial["tlogs"]): TrustMaterial {
  return {
    certificateAuthorities: [{ certChain, validFor: ALWAYS }],
    timestampAuthorities: [],
    ctlogs: [],
    tlogs,
    publicKey: () => {
      throw new TrustError("trust/unknown-key", "Cannot use a key here: certificates are demanded", {
        hint: "name the key with keyPath in policy.json",
      });
    },
  };
}

/**
 * The roots, and of the other certificates those that provably hang from them. What the library is given counts as
 * trusted, so nothing that merely came along with the signature may be among it.
 */
function admit(roots: readonly X509Certificate[], others: readonly X509Certificate[]): X509Certificate[] {
  const admitted = [...roots];
  for (let grew = true; grew; ) {
    grew = false;
    for (const one of others) {
      if (admitted.includes(one) || !one.isCA) continue;
      if (!admitted.some((issuer) => issuer.isCA && issuer.subject.equals(one.issuer) && one.verify(issuer))) continue;
      admitted.push(one);
      grew = true;
    }
  }
  return admitted;
}

function readCertificates(lib: SigstoreLibrary, bytes: Uint8Array): readonly X509Certificate[] {
  const text = new TextDecoder().decode(bytes);
  const blocks = [...text.matchAll(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)].map(
    ([block]) => block,
  );
  try {
    if (blocks.length > 0 && blocks.length <= MAX_CERTIFICATES)
      return blocks.map((block) => lib.core.X509Certificate.parse(block));
  } catch (reason) {
    throw badCertificates("malformed", reason);
  }
  throw badCertificates(`not between 1 and ${MAX_CERTIFICATES} PEM certificates`);
}

function readSentChain(lib: SigstoreLibrary, chain: string | undefined): readonly X509Certificate[] | undefined {
  if (chain === undefined) return [];
  try {
    return readCertificates(lib, new TextEncoder().encode(chain));
  } catch (reason) {
    // Written by a stranger: then the signature is bad, and the policy is not.
    if (reason instanceof TrustError) return undefined;
    throw reason;
  }
}

function allowsCodeSigning(certificate: X509Certificate): boolean {
  const value = certificate.extension(EXT_KEY_USAGE)?.value;
  return value === undefined || value.includes(CODE_SIGNING);
}

function findWrongIdentity(
  signer: CertificateDemand["signer"],
  certificate: X509Certificate,
  issuer: string,
): string | undefined {
  if (signer.kind === "fulcio" && issuer !== signer.oidcIssuer) return `its OIDC issuer is "${issuer.slice(0, 200)}"`;
  const parsed = new NodeCertificate(certificate.root.toDER());
  const names = parsed.subjectAltName?.slice(0, 200) ?? "none";
  if (
    signer.subjectEmail !== undefined &&
    parsed.checkEmail(signer.subjectEmail, { subject: "never" }) !== signer.subjectEmail
  )
    return `it is not for ${signer.subjectEmail} but for ${names}`;
  if (signer.kind !== "pki" || signer.subjectHostname === undefined) return undefined;
  const host = parsed.checkHost(signer.subjectHostname, { subject: "never" });
  return host === undefined ? `it is not for ${signer.subjectHostname} but for ${names}` : undefined;
}

function pemOf(evidence: SigstoreEvidence): string {
  const { key } = evidence.entity;
  return key.$case === "certificate" ? new NodeCertificate(key.certificate.root.toDER()).toString() : "";
}

function badCertificates(state: string, cause?: unknown): TrustError {
  return new TrustError("trust/bad-key", `Cannot read certificates: ${state}`, {
    hint: "name a file of PEM certificates in policy.json",
    cause,
  });
}
