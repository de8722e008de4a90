import { afterEach, beforeEach, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EngineError } from "../base/errors.ts";
import { digestOf } from "../image/digest.ts";
import { openFiles } from "../sys/linux/files.ts";
import { createSigstoreLab, type LabSigner, type SigstoreLab } from "../testing/sigstore-lab.ts";
import { createStampAuthority } from "../testing/stamp-authority.ts";
import { addKey } from "./edit-keyring.ts";
import type { OfferedSignature } from "./offered-signature.ts";
import { recheck } from "./recheck.ts";
import { writeRecord } from "./records.ts";
import { encodeCosignSignature } from "./sigstore/cosign-signature.ts";
import { readSigstoreKey } from "./sigstore/public-key.ts";
import { COSIGN_TYPE, encodeClaim } from "./simple/claim.ts";
import { openTrust } from "./trust.ts";
import { verifyImage } from "./verify-image.ts";

const RAW = new TextEncoder().encode('{ "schemaVersion": 2 }');
const DIGEST = digestOf(RAW);
const NAME = "example.com/app";
const REFERENCE = `${NAME}:1`;
const ALICE = { subject: "alice@example.com", issuer: "https://login.example.com" };
const clock = { nowMs: () => Date.now() + 2000 };

let dir = "";
let lab: SigstoreLab;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "gantry-sigstore-"));
  for (const name of ["admin/policy.d", "admin/trustroots", "store"]) mkdirSync(join(dir, name), { recursive: true });
  lab = await createSigstoreLab();
  writeFileSync(join(dir, "ca.pem"), lab.caPem);
  writeFileSync(join(dir, "rekor.pem"), lab.rekorPem);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const config = () => ({
  layers: [{ name: "admin", files: openFiles(join(dir, "admin")) }],
  containers: { files: openFiles("/"), policyPath: join(dir, "policy.json"), registriesDir: join(dir, "registries.d") },
});

async function cosign(
  signer: LabSigner,
  about: { digest?: string; reference?: string } = {},
): Promise<OfferedSignature> {
  const claim = { manifestDigest: about.digest ?? DIGEST, dockerReference: about.reference ?? REFERENCE };
  const payload = encodeClaim(claim, { type: COSIGN_TYPE, optional: null });
  const annotations = await lab.signPayload(payload, signer);
  return { bytes: encodeCosignSignature({ payload, annotations }), from: "test", over: "manifest", kind: "cosign" };
}

async function bundle(signer: LabSigner, more: object = {}): Promise<OfferedSignature> {
  const statement = {
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ digest: { sha256: DIGEST.slice("sha256:".length) } }],
    predicateType: "https://sigstore.dev/cosign/sign/v1",
    predicate: {},
    ...more,
  };
  const document = await lab.signStatement(statement, signer);
  return { bytes: Buffer.from(JSON.stringify(document)), from: "test", over: "manifest", kind: "bundle" };
}

async function verify(signatures: readonly OfferedSignature[]): Promise<string> {
  try {
    const record = await verifyImage(openTrust(config(), clock), {
      name: NAME,
      manifest: { raw: RAW, digest: DIGEST },
      image: { transport: "docker", scope: REFERENCE, docker: REFERENCE },
      signatures,
      insecure: false,
    });
    writeRecord(openFiles(join(dir, "store")), record);
    return "accept";
  } catch (reason) {
    if (reason instanceof EngineError) return reason.code;
    throw reason;
  }
}

const start = () =>
  recheck(
    { ...config(), clock, store: openFiles(join(dir, "store")) },
    { name: NAME, manifestDigest: DIGEST, insecure: false, readManifest: () => RAW },
  ).then(
    () => "accept",
    (reason: unknown) => (reason instanceof EngineError ? reason.code : String(reason)),
  );

function ownRule(identity: object, root: object = lab.trustedRoot): void {
  writeFileSync(join(dir, "admin/trustroots/lab.json"), JSON.stringify(root));
  const rules = [{ scope: { kind: "prefix", name: "example.com" }, require: { anyOf: [identity] } }];
  writeFileSync(
    join(dir, "admin/policy.d/10.json"),
    JSON.stringify({ gantryKind: "policy", gantryVersion: "v1", rules }),
  );
}

const demand = (more: object) =>
  writeFileSync(join(dir, "policy.json"), JSON.stringify({ default: [{ type: "sigstoreSigned", ...more }] }));

test("keyless: a certificate of the trust root for exactly the identity is enough, in both forms", async () => {
  ownRule({ ...ALICE, trustRoot: "lab" });
  expect(await verify([await cosign(ALICE)])).toBe("accept");
  expect(await verify([await bundle(ALICE)])).toBe("accept");
  expect(await start()).toBe("accept");
  expect(await verify([await cosign({ ...ALICE, subject: "alice@example.com.evil.io" })])).toBe("trust/unknown-key");
  expect(await verify([await cosign({ ...ALICE, issuer: "https://evil.io" })])).toBe("trust/unknown-key");
  expect(await verify([await bundle(ALICE, { subject: [{ digest: { sha256: "a".repeat(64) } }] })])).toBe(
    "trust/bad-signature",
  );
  expect(await verify([await bundle(ALICE, { predicateType: "https://slsa.dev/provenance/v1" })])).toBe(
    "trust/bad-signature",
  );
});

test("keyless: another instance's certificates, logs, and a root without its logs are refused; a changed identity stops starts", async () => {
  ownRule({ ...ALICE, trustRoot: "lab" });
  const mine = await cosign(ALICE);
  expect(await verify([mine])).toBe("accept");
  const other = await createSigstoreLab();
  ownRule({ ...ALICE, trustRoot: "lab" }, other.trustedRoot);
  expect(await verify([mine])).toBe("trust/bad-signature");
  expect(await start()).toBe("trust/bad-signature");
  ownRule({ ...ALICE, trustRoot: "lab" }, { ...lab.trustedRoot, tlogs: Reflect.get(other.trustedRoot, "tlogs") });
  expect(await verify([mine])).toBe("trust/bad-signature");
  ownRule({ ...ALICE, trustRoot: "lab" }, { ...lab.trustedRoot, ctlogs: Reflect.get(other.trustedRoot, "ctlogs") });
  expect(await verify([mine])).toBe("trust/bad-signature");
  ownRule({ ...ALICE, trustRoot: "lab" }, { ...lab.trustedRoot, tlogs: [] });
  expect(await verify([mine])).toBe("trust/bad-signature");
  ownRule({ ...ALICE, subject: "bob@example.com", trustRoot: "lab" });
  expect(await start()).toBe("trust/unknown-key");
  ownRule({ ...ALICE, trustRoot: "none" });
  expect(await verify([mine])).toBe("trust/bad-policy");
});

test.each(["ec", "rsa", "ed25519"] as const)(
  "keyed: a %s key of the keyring vouches for its prefix; weak ones never do",
  async (type) => {
    const pair =
      type === "ec"
        ? generateKeyPairSync("ec", { namedCurve: "P-256" })
        : type === "rsa"
          ? generateKeyPairSync("rsa", { modulusLength: 2048 })
          : generateKeyPairSync("ed25519");
    const pem = String(pair.publicKey.export({ type: "spki", format: "pem" }));
    const { readSigstorePrivateKey } = await import("./sigstore/private-key.ts");
    const { makeBundle, makeCosignLayer } = await import("./sigstore/make-signature.ts");
    const text = String(pair.privateKey.export({ type: "pkcs8", format: "pem" }));
    const key = await readSigstorePrivateKey({ bytes: Buffer.from(text), passphrase: "" });
    const layer = makeCosignLayer(key, { manifestDigest: DIGEST, dockerReference: REFERENCE });
    const signatures: readonly OfferedSignature[] = [
      { bytes: encodeCosignSignature(layer), from: "c", over: "manifest", kind: "cosign" },
      { bytes: await makeBundle(key, DIGEST), from: "b", over: "manifest", kind: "bundle" },
    ];
    const { fingerprint } = readSigstoreKey(Buffer.from(pem));
    const files = openFiles(join(dir, "admin"));
    addKey(files, { scope: { kind: "prefix", name: "example.org" }, fingerprint, armored: pem });
    for (const one of signatures) expect(await verify([one])).toBe("trust/wrong-prefix");
    addKey(files, { scope: { kind: "prefix", name: NAME }, fingerprint, armored: pem });
    for (const one of signatures) expect(await verify([one])).toBe("accept");
    const broken = { ...layer, payload: Buffer.from(Buffer.from(layer.payload).toString().replace(":1", ":2")) };
    expect(await verify([{ bytes: encodeCosignSignature(broken), from: "x", over: "manifest", kind: "cosign" }])).toBe(
      "trust/unknown-key",
    );
  },
);

test("keyed: RSA 1024 and unusual curves are weak", () => {
  const pems = [
    generateKeyPairSync("rsa", { modulusLength: 1024 }),
    generateKeyPairSync("ec", { namedCurve: "secp224r1" }),
  ].map(({ publicKey }) => String(publicKey.export({ type: "spki", format: "pem" })));
  for (const pem of pems) expect(readSigstoreKey(Buffer.from(pem)).standing.state).toBe("weak");
});

test("sigstoreSigned by a key: in the log where Rekor keys are named, and for a name that fits", async () => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const keyPath = join(dir, "k.pub");
  writeFileSync(keyPath, String(publicKey.export({ type: "spki", format: "pem" })));
  const signed = await cosign({ privateKey });
  demand({ keyPath });
  expect(await verify([signed])).toBe("accept");
  demand({ keyPath, rekorPublicKeyPath: join(dir, "rekor.pem") });
  expect(await verify([signed])).toBe("accept");
  expect(await start()).toBe("accept");
  const other = await createSigstoreLab();
  demand({ keyPath, rekorPublicKeyData: Buffer.from(other.rekorPem).toString("base64") });
  expect(await verify([signed])).toBe("trust/bad-signature");
  expect(await start()).toBe("trust/bad-signature");
  demand({ keyPath });
  expect(await verify([await cosign({ privateKey }, { reference: `${NAME}:2` })])).toBe("trust/wrong-identity");
  expect(await verify([await cosign({ privateKey }, { digest: `sha256:${"a".repeat(64)}` })])).toBe(
    "trust/bad-signature",
  );
  expect(await verify([await cosign(ALICE)])).toBe("trust/unknown-key");
  expect(await verify([await bundle({ privateKey })])).toBe("trust/unsigned");
  demand({ keyPath: join(dir, "gone.pub") });
  expect(await verify([signed])).toBe("trust/rejected-by-policy");
});

test("sigstoreSigned by fulcio: issuer, e-mail, authority and log all have to be the ones named", async () => {
  const fulcio = { caPath: join(dir, "ca.pem"), oidcIssuer: ALICE.issuer, subjectEmail: ALICE.subject };
  const rekorPublicKeyPath = join(dir, "rekor.pem");
  const signed = await cosign(ALICE);
  demand({ fulcio, rekorPublicKeyPath });
  expect(await verify([signed])).toBe("accept");
  expect(await start()).toBe("accept");
  demand({ fulcio: { ...fulcio, subjectEmail: "bob@example.com" }, rekorPublicKeyPath });
  expect(await verify([signed])).toBe("trust/wrong-identity");
  demand({ fulcio: { ...fulcio, oidcIssuer: "https://other.example.com" }, rekorPublicKeyPath });
  expect(await verify([signed])).toBe("trust/wrong-identity");
  const other = await createSigstoreLab();
  demand({
    fulcio: { ...fulcio, caPath: undefined, caData: Buffer.from(other.caPem).toString("base64") },
    rekorPublicKeyPath,
  });
  expect(await verify([signed])).toBe("trust/bad-signature");
  demand({ fulcio, rekorPublicKeyData: Buffer.from(other.rekorPem).toString("base64") });
  expect(await verify([signed])).toBe("trust/bad-signature");
});

test("sigstoreSigned by a PKI: e-mail and authority have to be the ones named", async () => {
  const pki = { caRootsPath: join(dir, "ca.pem"), subjectEmail: ALICE.subject };
  const signed = await cosign(ALICE);
  demand({ pki });
  expect(await verify([signed])).toBe("accept");
  demand({ pki: { ...pki, subjectEmail: "bob@example.com" } });
  expect(await verify([signed])).toBe("trust/wrong-identity");
  demand({ pki: { caRootsPath: pki.caRootsPath, subjectHostname: "host.example.com" } });
  expect(await verify([signed])).toBe("trust/wrong-identity");
});

test.each([
  ["application/vnd.dev.sigstore.bundle+json;version=0.1", "accept"],
  ["application/vnd.dev.sigstore.bundle+json;version=0.2", "accept"],
  ["application/vnd.dev.sigstore.bundle+json;version=0.3", "accept"],
  ["application/vnd.dev.sigstore.bundle+json;version=0.9", "trust/bad-signature"],
])("bundles: version %s gives %s", async (mediaType, want) => {
  ownRule({ ...ALICE, trustRoot: "lab" });
  const { bytes, ...rest } = await bundle(ALICE);
  const document = JSON.parse(Buffer.from(bytes).toString());
  const { certificate, ...material } = document.verificationMaterial;
  // Before 0.3 the certificate came as a chain.
  const verificationMaterial = mediaType.endsWith("0.3")
    ? { ...material, certificate }
    : { ...material, x509CertificateChain: { certificates: [certificate] } };
  const old = { ...document, mediaType, verificationMaterial };
  expect(await verify([{ ...rest, bytes: Buffer.from(JSON.stringify(old)) }])).toBe(want);
});

test("bundles: a forged checkpoint, a missing promise and proof, and no time at all are refused", async () => {
  ownRule({ ...ALICE, trustRoot: "lab" });
  const { bytes, ...rest } = await bundle(ALICE);
  const change = async (edit: (entry: Record<string, unknown>) => void) => {
    const document = JSON.parse(Buffer.from(bytes).toString());
    edit(document.verificationMaterial.tlogEntries[0]);
    return await verify([{ ...rest, bytes: Buffer.from(JSON.stringify(document)) }]);
  };
  expect(await change(() => {})).toBe("accept");
  const forge = (entry: Record<string, unknown>) => {
    const proof = entry["inclusionProof"] as { checkpoint: { envelope: string } };
    proof.checkpoint.envelope = proof.checkpoint.envelope.replace("\n1\n", "\n2\n");
  };
  const backdate = (entry: Record<string, unknown>) => {
    entry["integratedTime"] = "1";
  };
  expect(await change(forge)).toBe("trust/bad-signature");
  expect(await change(backdate)).toBe("trust/bad-signature");
  expect(await change((entry) => void delete entry["inclusionPromise"])).toBe("trust/bad-signature"); // no time left
  expect(await change((entry) => void delete entry["inclusionProof"])).toBe("trust/bad-signature"); // 0.3 demands it
});

test("an index signature counts for the manifests in the index, for Gantry's own policy, also at later starts", async () => {
  ownRule({ ...ALICE, trustRoot: "lab" });
  const indexOf = (digest: string) =>
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.index.v1+json",
        manifests: [{ mediaType: "application/vnd.oci.image.manifest.v1+json", digest, size: RAW.byteLength }],
      }),
    );
  const decide = async (raw: Buffer, signed = raw) => {
    const one = { ...(await cosign(ALICE, { digest: digestOf(signed) })), over: "index" as const };
    const input = {
      name: NAME,
      manifest: { raw: RAW, digest: DIGEST },
      index: { digest: digestOf(raw), raw: new Uint8Array(raw), mediaType: "application/vnd.oci.image.index.v1+json" },
      image: { transport: "docker", scope: REFERENCE, docker: REFERENCE },
      signatures: [one],
      insecure: false,
    };
    try {
      writeRecord(openFiles(join(dir, "store")), await verifyImage(openTrust(config(), clock), input));
      return "accept";
    } catch (reason) {
      return reason instanceof EngineError ? reason.code : String(reason);
    }
  };
  expect(await decide(indexOf(DIGEST))).toBe("accept");
  ownRule({ ...ALICE, trustRoot: "lab", x: 1 }); // a broken policy lets nothing start
  expect(await start()).toBe("trust/bad-policy");
  ownRule({ ...ALICE, trustRoot: "lab" });
  writeFileSync(join(dir, "admin/policy.d/20.json"), JSON.stringify({ gantryKind: "policy", gantryVersion: "v1" }));
  expect(await start()).toBe("accept"); // decided again: the policies' hash has changed
  expect(await decide(indexOf(`sha256:${"b".repeat(64)}`))).toBe("trust/bad-signature");
  expect(await decide(indexOf(DIGEST), indexOf(`sha256:${"b".repeat(64)}`))).toBe("trust/bad-signature");
});

test("keyless with a time stamp authority instead of a log: its stamp gives the time; without one it is refused", async () => {
  const stamp = await createStampAuthority(dir);
  const root = { ...lab.trustedRoot, tlogs: [], timestampAuthorities: [stamp.trusted] };
  ownRule({ ...ALICE, trustRoot: "lab" }, root);
  const { bytes, ...rest } = await bundle(ALICE);
  const document = JSON.parse(Buffer.from(bytes).toString());
  const { tlogEntries: _, ...material } = document.verificationMaterial;
  const stamped = (rfc3161Timestamps: readonly object[]) => {
    const verificationMaterial = { ...material, timestampVerificationData: { rfc3161Timestamps } };
    return { ...rest, bytes: Buffer.from(JSON.stringify({ ...document, verificationMaterial })) };
  };
  const signature = Buffer.from(document.dsseEnvelope.signatures[0].sig, "base64");
  const signedTimestamp = stamp.stamp(signature).toString("base64");
  expect(await verify([stamped([{ signedTimestamp }])])).toBe("accept");
  expect(await verify([stamped([])])).toBe("trust/bad-signature");
  const other = stamp.stamp(Buffer.from("other")).toString("base64");
  expect(await verify([stamped([{ signedTimestamp: other }])])).toBe("trust/bad-signature");
}, 30_000);
