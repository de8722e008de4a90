import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { createSigstoreAuthority, type LabIdentity } from "./sigstore-authority.ts";
import { createTransparencyLog, type LogEntry } from "./transparency-log.ts";

/** A private sigstore instance in one process: authority, certificate log and transparency log that really sign. */
export interface SigstoreLab {
  /** Its `trusted_root.json`. */
  readonly trustedRoot: object;
  readonly caPem: string;
  readonly rekorPem: string;
  /** Annotations of a cosign layer over `payload`. */
  signPayload(payload: Uint8Array, signer: LabSigner): Promise<Readonly<Record<string, string>>>;
  /** A bundle over an in-toto statement. */
  signStatement(statement: object, signer: LabSigner): Promise<object>;
}

/** Who signs: an identity gets a certificate, a key is used as it is. */
export type LabSigner = LabIdentity | { readonly privateKey: KeyObject };

const HOST = "rekor.lab.example";
const IN_TOTO = "application/vnd.in-toto+json";
const ALWAYS = { validFor: { start: "2020-01-01T00:00:00Z" } };

interface Signer {
  readonly key: KeyObject;
  readonly pem: string;
  readonly der?: Buffer;
}

/** Makes an instance with fresh keys. */
export async function createSigstoreLab(): Promise<SigstoreLab> {
  const certificateLog = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const publicDer = certificateLog.publicKey.export({ format: "der", type: "spki" });
  const authority = await createSigstoreAuthority({ privateKey: certificateLog.privateKey, publicDer });
  const log = createTransparencyLog(HOST);
  const signerOf = async (signer: LabSigner): Promise<Signer> => {
    if (!("privateKey" in signer)) return await authority.issue(signer);
    const pem = String(createPublicKey(signer.privateKey).export({ format: "pem", type: "spki" }));
    return { key: signer.privateKey, pem };
  };
  return {
    trustedRoot: {
      mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
      certificateAuthorities: [
        { certChain: { certificates: [{ rawBytes: authority.rootDer.toString("base64") }] }, ...ALWAYS },
      ],
      tlogs: [logOf(log.publicDer)],
      ctlogs: [logOf(publicDer)],
      timestampAuthorities: [],
    },
    caPem: authority.rootPem,
    rekorPem: `-----BEGIN PUBLIC KEY-----\n${log.publicDer.toString("base64")}\n-----END PUBLIC KEY-----\n`,
    async signPayload(payload, who) {
      const signer = await signerOf(who);
      const content = sign("sha256", payload, signer.key).toString("base64");
      const entry = log.add({
        apiVersion: "0.0.1",
        kind: "hashedrekord",
        spec: {
          data: { hash: hashOf(payload) },
          signature: { content, publicKey: { content: Buffer.from(signer.pem).toString("base64") } },
        },
      });
      return {
        "dev.cosignproject.cosign/signature": content,
        ...(signer.der === undefined ? {} : { "dev.sigstore.cosign/certificate": signer.pem }),
        "dev.sigstore.cosign/bundle": JSON.stringify(promiseOf(entry)),
      };
    },
    async signStatement(statement, who) {
      const signer = await signerOf(who);
      const payload = Buffer.from(JSON.stringify(statement));
      const message = Buffer.from(`DSSEv1 ${IN_TOTO.length} ${IN_TOTO} ${payload.byteLength} ${payload}`);
      const signature = sign("sha256", message, signer.key).toString("base64");
      const dsseEnvelope = {
        payload: payload.toString("base64"),
        payloadType: IN_TOTO,
        signatures: [{ sig: signature, keyid: "" }],
      };
      const entry = log.add({
        apiVersion: "0.0.1",
        kind: "dsse",
        spec: {
          envelopeHash: hashOf(Buffer.from(JSON.stringify(dsseEnvelope))),
          payloadHash: hashOf(payload),
          signatures: [{ signature, verifier: Buffer.from(signer.pem).toString("base64") }],
        },
      });
      return {
        mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
        verificationMaterial: {
          ...(signer.der === undefined
            ? { publicKey: { hint: "" } }
            : { certificate: { rawBytes: signer.der.toString("base64") } }),
          tlogEntries: [proofOf(entry)],
        },
        dsseEnvelope,
      };
    },
  };
}

function logOf(publicDer: Buffer): object {
  return {
    baseUrl: `https://${HOST}`,
    hashAlgorithm: "SHA2_256",
    publicKey: { rawBytes: publicDer.toString("base64"), keyDetails: "PKIX_ECDSA_P256_SHA_256", ...ALWAYS },
    logId: { keyId: createHash("sha256").update(publicDer).digest("base64") },
  };
}

function hashOf(bytes: Uint8Array): object {
  return { algorithm: "sha256", value: createHash("sha256").update(bytes).digest("hex") };
}

function promiseOf({ body, integratedTime, logIndex, logID, promise }: LogEntry): object {
  return { SignedEntryTimestamp: promise, Payload: { body, integratedTime, logIndex, logID } };
}

function proofOf(entry: LogEntry): object {
  return {
    logIndex: String(entry.logIndex),
    logId: { keyId: Buffer.from(entry.logID, "hex").toString("base64") },
    kindVersion: { kind: "dsse", version: "0.0.1" },
    integratedTime: String(entry.integratedTime),
    inclusionPromise: { signedEntryTimestamp: entry.promise },
    inclusionProof: entry.proof,
    canonicalizedBody: entry.body,
  };
}
