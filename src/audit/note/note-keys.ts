import { AuditError } from "../errors.ts";
import { formatSignatureLine, type SignedNote } from "./signed-note.ts";

const ED25519 = 0x01;
const COSIGNATURE_V1 = 0x04;
const TIMESTAMP_BYTES = 8;
// DER of a SubjectPublicKeyInfo and of a PKCS #8 key, up to the 32 bytes of Ed25519. Spec: RFC 8410.
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

/** Loaded at the first signature: it costs as much as the rest of a command that only reads. */
function nodeCrypto(): typeof import("node:crypto") {
  return process.getBuiltinModule("node:crypto");
}

/** A public key of a log (`ed25519`) or of a witness (`cosignature`), and the name it signs under. */
export interface NoteVerifier {
  readonly kind: "ed25519" | "cosignature";
  readonly name: string;
  readonly keyHash: number;
  readonly publicKey: Uint8Array;
}

/** A signer of notes. */
export interface NoteSigner extends NoteVerifier {
  /** PKCS #8 PEM. Secret. */
  readonly privatePem: string;
}

/** A new Ed25519 key. `nameOf` makes the name from the key's own hash, so that two logs never share one. */
export function generateNoteSigner(nameOf: (publicKeyHash: string) => string): NoteSigner {
  const { privateKey } = nodeCrypto().generateKeyPairSync("ed25519");
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const publicKey = publicKeyOf(pem);
  return openNoteSigner(nameOf(new Bun.CryptoHasher("sha256").update(publicKey).digest("hex")), pem);
}

/** @throws {AuditError} "audit/malformed" when the PEM holds no Ed25519 key */
export function openNoteSigner(name: string, privatePem: string, kind: NoteVerifier["kind"] = "ed25519"): NoteSigner {
  const publicKey = publicKeyOf(privatePem);
  return { kind, name, publicKey, keyHash: keyHashOf(name, kind, publicKey), privatePem };
}

/** `name+hash+base64(type ‖ key)`, the form every C2SP tool takes. Spec: C2SP signed-note v1, "vkey". */
export function formatVkey(key: NoteVerifier): string {
  const type = key.kind === "ed25519" ? ED25519 : COSIGNATURE_V1;
  const encoded = Buffer.concat([Uint8Array.of(type), key.publicKey]).toString("base64");
  return `${key.name}+${key.keyHash.toString(16).padStart(8, "0")}+${encoded}`;
}

/** @throws {AuditError} "audit/malformed" */
export function parseVkey(text: string): NoteVerifier {
  const [, name, hash, encoded] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/u.exec(text.trim()) ?? [];
  const bytes = Buffer.from(encoded ?? "", "base64");
  const kind = bytes[0] === ED25519 ? "ed25519" : "cosignature";
  const publicKey = bytes.subarray(1);
  const isKnown = bytes[0] === ED25519 || bytes[0] === COSIGNATURE_V1;
  if (name === undefined || publicKey.byteLength !== 32 || !isKnown) throw badKey(text, "it is no vkey");
  const keyHash = keyHashOf(name, kind, publicKey);
  if (Number.parseInt(hash ?? "", 16) !== keyHash) throw badKey(text, "its hash does not fit the key");
  return { kind, name, keyHash, publicKey };
}

/** Signature line of a log over the note's text. */
export function signNote(signer: NoteSigner, text: string): string {
  const signature = nodeCrypto().sign(null, Buffer.from(text), nodeCrypto().createPrivateKey(signer.privatePem));
  return formatSignatureLine(signer.name, signer.keyHash, signature);
}

/** Signature line of a witness: the time it saw the checkpoint is signed too. Spec: C2SP tlog-cosignature v1. */
export function cosignNote(signer: NoteSigner, text: string, timeSeconds: number): string {
  const stamp = Buffer.alloc(TIMESTAMP_BYTES);
  stamp.writeBigUInt64BE(BigInt(timeSeconds));
  const signature = nodeCrypto().sign(
    null,
    Buffer.from(cosigned(text, timeSeconds)),
    nodeCrypto().createPrivateKey(signer.privatePem),
  );
  return formatSignatureLine(signer.name, signer.keyHash, Buffer.concat([stamp, signature]));
}

/** The line by which `key` signed the note; undefined when it did not, or not validly. */
export function findSignature(note: SignedNote, key: NoteVerifier): string | undefined {
  const spki = nodeCrypto().createPublicKey({
    key: Buffer.concat([SPKI_PREFIX, key.publicKey]),
    format: "der",
    type: "spki",
  });
  return note.signatures.find(({ name, keyHash, signature }) => {
    if (name !== key.name || keyHash !== key.keyHash) return false;
    if (key.kind === "ed25519")
      return signature.byteLength === 64 && nodeCrypto().verify(null, Buffer.from(note.text), spki, signature);
    if (signature.byteLength !== TIMESTAMP_BYTES + 64) return false;
    const time = Number(Buffer.from(signature).readBigUInt64BE(0));
    return nodeCrypto().verify(null, Buffer.from(cosigned(note.text, time)), spki, signature.subarray(TIMESTAMP_BYTES));
  })?.line;
}

function cosigned(text: string, timeSeconds: number): string {
  return `cosignature/v1\ntime ${timeSeconds}\n${text}`;
}

function keyHashOf(name: string, kind: NoteVerifier["kind"], publicKey: Uint8Array): number {
  const type = Uint8Array.of(kind === "ed25519" ? ED25519 : COSIGNATURE_V1);
  return new Bun.CryptoHasher("sha256").update(`${name}\n`).update(type).update(publicKey).digest().readUInt32BE(0);
}

function publicKeyOf(privatePem: string): Uint8Array {
  try {
    const der = nodeCrypto()
      .createPublicKey(nodeCrypto().createPrivateKey(privatePem))
      .export({ type: "spki", format: "der" });
    if (der.subarray(0, SPKI_PREFIX.byteLength).equals(SPKI_PREFIX)) return der.subarray(SPKI_PREFIX.byteLength);
  } catch (reason) {
    throw new AuditError("audit/malformed", "Cannot read log key: it is no PEM private key", {
      hint: "restore keys/audit-log.pem from a backup",
      cause: reason,
    });
  }
  throw new AuditError("audit/malformed", "Cannot use log key: it is not an Ed25519 key", {
    hint: "restore keys/audit-log.pem from a backup",
  });
}

function badKey(text: string, why: string): AuditError {
  return new AuditError("audit/malformed", `Cannot read verifier key "${text.slice(0, 100)}": ${why}`, {
    hint: "write it as NAME+HASH+BASE64, the way gantry audit init prints it",
  });
}
