import type { X509CertificateGenerator } from "@peculiar/x509";
import type { ServerTls } from "./registry/http-server.ts";

/** A certificate authority that lives as long as the test does. */
export interface CertificateAuthority {
  /** The root certificate, PEM, for `--ca-file`. */
  readonly certPem: string;
  /** A server certificate for these DNS names; 127.0.0.1 and ::1 are always in it. */
  issue(dnsNames: readonly string[]): Promise<ServerTls>;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const VALID_MS = 30 * 86_400_000;

/**
 * Makes a P-256 root that signs server certificates, valid from a day before `nowMs` for 30 days. Real X.509: any TLS
 * client given the root accepts them.
 */
export async function createCertificateAuthority(nowMs: number): Promise<CertificateAuthority> {
  await import("reflect-metadata"); // the library below needs it to be there first
  const x509 = await import("@peculiar/x509");
  const validity = { notBefore: new Date(nowMs - 86_400_000), notAfter: new Date(nowMs + VALID_MS) };
  const keys = await makeKeys();
  const name = "CN=Gantry test root";
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    name,
    serialNumber: "01",
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  let issued = 1;
  return {
    certPem: root.toString("pem"),
    async issue(dnsNames) {
      const serverKeys = await makeKeys();
      const names = [
        ...dnsNames.map((value) => ({ type: "dns" as const, value })),
        ...["127.0.0.1", "::1"].map((value) => ({ type: "ip" as const, value })),
      ];
      const parameters: Parameters<typeof X509CertificateGenerator.create>[0] = {
        ...validity,
        serialNumber: (++issued).toString(16).padStart(2, "0"),
        subject: `CN=${dnsNames[0] ?? "localhost"}`,
        issuer: name,
        publicKey: serverKeys.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: ALGORITHM,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
          new x509.SubjectAlternativeNameExtension(names),
          await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
        ],
      };
      const certificate = await x509.X509CertificateGenerator.create(parameters);
      return { certPem: certificate.toString("pem"), keyPem: await privateKeyPem(serverKeys) };
    },
  };
}

function makeKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

async function privateKeyPem(keys: CryptoKeyPair): Promise<string> {
  const der = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n`;
}
