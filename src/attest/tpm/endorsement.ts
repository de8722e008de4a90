import { X509Certificate } from "node:crypto";
import { formatReason } from "../../base/errors.ts";
import { AttestError } from "../errors.ts";

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const MAX_CHAIN = 8;

/** What to check an endorsement certificate with. */
export interface EndorsementAuthorities {
  /** PEM text of the manufacturers' authorities, roots and intermediates. */
  readonly pem: string;
  readonly nowMs: number;
}

/**
 * Checks that an authority of the bundle vouches for the endorsement key, directly or through others of the bundle, up
 * to one that signs itself. Returns the subject of that one.
 * @throws {AttestError} "attest/not-proven" that says what is missing
 */
export function verifyEndorsement(
  ek: { readonly pem: string; readonly certificate: Uint8Array | undefined },
  { pem, nowMs }: EndorsementAuthorities,
): string {
  if (ek.certificate === undefined)
    throw refused("its TPM has no certificate", "enroll without --ek-ca, and compare the fingerprint");
  const bundle = (pem.match(PEM_CERTIFICATE) ?? []).map(readCertificate);
  let current = readCertificate(ek.certificate);
  const spki = current.publicKey.export({ type: "spki", format: "pem" }).toString();
  if (spki.trim() !== ek.pem.trim())
    throw refused("the certificate in its TPM is for another key", "look at the node: its certificate is not its own");
  for (let depth = 0; depth < MAX_CHAIN; depth++) {
    assertValidAt(current, nowMs);
    const issuer = bundle.find((one) => one.ca && one.subject === current.issuer && current.verify(one.publicKey));
    if (issuer === undefined) break;
    if (issuer.subject === issuer.issuer) {
      assertValidAt(issuer, nowMs);
      return issuer.subject.replaceAll("\n", ", ");
    }
    current = issuer;
  }
  throw refused(
    `no authority of the bundle leads to "${current.issuer.replaceAll("\n", ", ")}"`,
    "add the manufacturer's root and intermediate certificates to the file of --ek-ca",
  );
}

function assertValidAt(certificate: X509Certificate, nowMs: number): void {
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  if (from <= nowMs && nowMs <= to) return;
  throw refused(
    `a certificate is not valid today: ${certificate.subject.replaceAll("\n", ", ")}`,
    "check the clock, and the manufacturer's newer certificates",
  );
}

function readCertificate(source: string | Uint8Array): X509Certificate {
  try {
    return new X509Certificate(source);
  } catch (reason) {
    throw refused(`a certificate cannot be read: ${formatReason(reason)}`, "give PEM certificates with --ek-ca");
  }
}

function refused(why: string, hint: string): AttestError {
  return new AttestError("attest/not-proven", `Cannot believe endorsement key: ${why}`, { hint });
}
