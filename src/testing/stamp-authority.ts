import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A time stamp authority by openssl: root, signer, and real RFC 3161 answers. */
export interface StampAuthority {
  /** As a trust root lists it. */
  readonly trusted: object;
  /** The answer for the SHA-256 of these bytes. */
  stamp(bytes: Buffer): Buffer;
}

const CONFIG = `
[req]
distinguished_name = dn
[dn]
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[signer]
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[tsa]
serial = serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
`;

/** Makes the authority in a directory of the test's own. */
export async function createStampAuthority(dir: string): Promise<StampAuthority> {
  writeFileSync(join(dir, "tsa.cnf"), CONFIG);
  writeFileSync(join(dir, "serial"), "01\n");
  const openssl = (args: string) => {
    const run = Bun.spawnSync(["openssl", ...args.split(" ")], { cwd: dir });
    if (run.exitCode !== 0) throw new TypeError(`openssl ${args}: ${run.stderr}`);
  };
  const make = "req -new -config tsa.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
  openssl(`${make} -x509 -extensions root -subj /CN=stamps/O=lab -days 30 -keyout root.key -out root.pem`);
  openssl(`${make} -subj /CN=stamper/O=lab -keyout tsa.key -out tsa.csr`);
  openssl(
    "x509 -req -in tsa.csr -CA root.pem -CAkey root.key -CAcreateserial -days 30 -extfile tsa.cnf -extensions signer -out tsa.pem",
  );
  const der = (name: string) => {
    openssl(`x509 -in ${name}.pem -outform DER -out ${name}.der`);
    return { rawBytes: readFileSync(join(dir, `${name}.der`)).toString("base64") };
  };
  return {
    trusted: {
      certChain: { certificates: [der("tsa"), der("root")] },
      validFor: { start: "2020-01-01T00:00:00Z" },
    },
    stamp: (bytes) => {
      writeFileSync(join(dir, "stamped"), bytes);
      openssl("ts -query -data stamped -sha256 -no_nonce -cert -out stamp.tsq");
      openssl(
        "ts -reply -config tsa.cnf -section tsa -queryfile stamp.tsq -signer tsa.pem -inkey tsa.key -out stamp.tsr",
      );
      return readFileSync(join(dir, "stamp.tsr"));
    },
  };
}
