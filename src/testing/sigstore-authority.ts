import { createHash, type KeyObject, sign } from "node:crypto";
import { X509Certificate } from "@sigstore/core";

/** Who a certificate is for. */
export interface LabIdentity {
  /** E-mail address. */
  readonly subject: string;
  readonly issuer: string;
}

/** A Fulcio of one's own: a root, and short-lived certificates with a promise of a certificate log. */
export interface SigstoreAuthority {
  readonly rootDer: Buffer;
  readonly rootPem: string;
  issue(identity: LabIdentity): Promise<{ readonly key: KeyObject; readonly der: Buffer; readonly pem: string }>;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const ISSUER_OID = "1.3.6.1.4.1.57264.1.8";
const SCT_OID = "1.3.6.1.4.1.11129.2.4.2";
const NAME = "CN=sigstore lab,O=lab.example";

/** Makes the authority; `log` signs what it issues. */
export async function createSigstoreAuthority(log: {
  readonly privateKey: KeyObject;
  readonly publicDer: Buffer;
}): Promise<SigstoreAuthority> {
  await import("reflect-metadata"); // the library below needs it to be there first
  const x509 = await import("@peculiar/x509");
  const { createPrivateKey } = await import("node:crypto");
  const makeKeys = () => crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const keys = await makeKeys();
  const nowMs = Date.now();
  const validity = { notBefore: new Date(nowMs - 60_000), notAfter: new Date(nowMs + 600_000) };
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    name: NAME,
    serialNumber: "01",
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const issuerHash = createHash("sha256").update(Buffer.from(root.publicKey.rawData)).digest();
  return {
    rootDer: Buffer.from(root.rawData),
    rootPem: `${root.toString("pem")}\n`,
    async issue({ subject, issuer }) {
      const own = await makeKeys();
      const text = Buffer.from(issuer);
      const base = {
        ...validity,
        serialNumber: "02",
        issuer: NAME,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: ALGORITHM,
      };
      const extensions = [
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.codeSigning]),
        new x509.SubjectAlternativeNameExtension([{ type: "email", value: subject }], true),
        await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
        new x509.Extension(ISSUER_OID, false, Buffer.concat([Buffer.from([0x0c, text.byteLength]), text])),
      ];
      const draft = await x509.X509CertificateGenerator.create({ ...base, extensions });
      const promise = promiseOf(log, issuerHash, Buffer.from(draft.rawData));
      const whole = { ...base, extensions: [...extensions, new x509.Extension(SCT_OID, false, promise)] };
      const certificate = await x509.X509CertificateGenerator.create(whole);
      const pkcs8 = Buffer.from(await crypto.subtle.exportKey("pkcs8", own.privateKey));
      return {
        key: createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" }),
        der: Buffer.from(certificate.rawData),
        pem: `${certificate.toString("pem")}\n`,
      };
    },
  };
}

/** A list of one signed certificate timestamp, as an OCTET STRING. Spec: RFC 6962, sections 3.2 and 3.3. */
function promiseOf(
  log: { readonly privateKey: KeyObject; readonly publicDer: Buffer },
  issuerHash: Buffer,
  draft: Buffer,
): Buffer {
  const tbs = X509Certificate.parse(Buffer.from(draft)).tbsCertificate.toDER();
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(Date.now()));
  const size = Buffer.alloc(4);
  size.writeUInt32BE(tbs.byteLength);
  const noExtensions = Buffer.from([0, 0]);
  const signed = Buffer.concat([
    Buffer.from([0, 0]),
    time,
    Buffer.from([0, 1]),
    issuerHash,
    size.subarray(1),
    tbs,
    noExtensions,
  ]);
  const signature = sign("sha256", signed, log.privateKey);
  const logId = createHash("sha256").update(log.publicDer).digest();
  const hashAndAlgorithm = Buffer.from([4, 3]);
  const one = Buffer.concat([Buffer.from([0]), logId, time, noExtensions, hashAndAlgorithm, withLength(signature)]);
  const list = withLength(withLength(one));
  const header = list.byteLength < 128 ? [0x04, list.byteLength] : [0x04, 0x81, list.byteLength];
  return Buffer.concat([Buffer.from(header), list]);
}

/** Two bytes of length before the content. */
function withLength(content: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(content.byteLength);
  return Buffer.concat([length, content]);
}
