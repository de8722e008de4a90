import { createPublicKey, X509Certificate as NodeCertificate } from "node:crypto";
import type { X509Certificate } from "@sigstore/core";
import { TrustError } from "../errors.ts";
import type { SignatureFact } from "../signature-fact.ts";
import { type ChainAnchors, hasTrustedChain } from "../sigstore/certificate-chain.ts";
import type { SigstoreEvidence } from "../sigstore/evidence.ts";
import type { SigstoreLibrary } from "../sigstore/load-sigstore.ts";
import type { SigstoreKey } from "../sigstore/public-key.ts";
import { type Checked, describeCertificate } from "../sigstore/verify-evidence.ts";
import type { SigstoreSigner } from "./policy.ts";
import { verifyRekorEntry } from "./rekor-check.ts";

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
const ISSUER_V1 = "1.3.6.1.4.1.57264.1.1";
const ISSUER_V2 = "1.3.6.1.4.1.57264.1.8";
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
    const anchors = { roots, intermediates: [...trusted, ...sent] };
    const { certificate } = key;
    const check = demand.signer.kind === "fulcio" ? checkFulcio : checkPki;
    const checked = check(lib, { evidence, certificate, anchors, demand });
    if (!checked.ok) return { kind: "bad", signer, reason: checked.reason };
    if (!allowsCodeSigning(certificate))
      return { kind: "bad", signer, reason: "its certificate is not for code signing" };
    const wrong = findWrongIdentity(demand.signer, certificate, checked.value);
    if (wrong !== undefined) return { kind: "wrong-identity", fingerprint: signer, signer, reason: wrong };
    const subject = certificate.subjectAltName ?? "";
    return { kind: "good-identity", subject, issuer: checked.value, trustRoot: "policy.json" };
  };
}

interface Check {
  readonly evidence: SigstoreEvidence;
  readonly certificate: X509Certificate;
  readonly anchors: Omit<ChainAnchors, "at">;
  readonly demand: CertificateDemand;
}

/** The log has to have promised to hold this signature by this certificate, which has to have been valid then. */
function checkFulcio(lib: SigstoreLibrary, { evidence, certificate, anchors, demand }: Check): Checked<string> {
  const [entry] = evidence.entity.tlogEntries;
  const logged = verifyRekorEntry(lib, {
    evidence: { ...evidence, entity: { ...evidence.entity, key: { $case: "public-key", hint: "" } } },
    rekor: demand.rekor,
    publicKey: publicPemOf(certificate),
    logged: new NodeCertificate(certificate.root.toDER()).toString(),
  });
  if (!logged.ok) return logged;
  const at = new Date(Number(entry?.integratedTime) * 1000);
  if (!hasTrustedChain(certificate, { ...anchors, at })) return { ok: false, reason: NO_CHAIN };
  return { ok: true, value: readIssuer(certificate) };
}

/** No log and no date of signing: the certificate has to be valid now. */
function checkPki(_lib: SigstoreLibrary, { evidence, certificate, anchors, demand }: Check): Checked<string> {
  if (!evidence.entity.signature.verifySignature(createPublicKey(publicPemOf(certificate))))
    return { ok: false, reason: "signature verification failed" };
  if (!hasTrustedChain(certificate, { ...anchors, at: new Date(demand.atMs) })) return { ok: false, reason: NO_CHAIN };
  return { ok: true, value: "" };
}

const NO_CHAIN = "its certificate does not lead to the authority, or was not valid";

function publicPemOf(certificate: X509Certificate): string {
  const key = createPublicKey({ key: certificate.publicKey, format: "der", type: "spki" });
  return String(key.export({ type: "spki", format: "pem" }));
}

/** The OIDC issuer; both forms of the extension, when both are there, have to agree. */
function readIssuer(certificate: X509Certificate): string {
  const old = certificate.extension(ISSUER_V1)?.value.toString();
  const text = certificate.extension(ISSUER_V2)?.valueObj.subs[0]?.value.toString();
  if (old !== undefined && text !== undefined && old !== text) return "";
  return text ?? old ?? "";
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

function badCertificates(state: string, cause?: unknown): TrustError {
  return new TrustError("trust/bad-key", `Cannot read certificates: ${state}`, {
    hint: "name a file of PEM certificates in policy.json",
    cause,
  });
}
