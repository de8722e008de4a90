import { createPrivateKey, createPublicKey, type KeyObject, scrypt, sign } from "node:crypto";
import { promisify } from "node:util";
import { parseJsonStrict } from "../../base/json.ts";
import { TrustError } from "../errors.ts";
import { readSigstoreKey, type SigstoreKey } from "./public-key.ts";

/** A private key for sigstore signatures, and its public half. */
export interface SigstorePrivateKey {
  readonly publicKey: SigstoreKey;
  /** Signature as cosign makes it: SHA-256 (Ed25519: of the message itself), ECDSA in DER. */
  sign(message: Uint8Array): Uint8Array;
}

/** Bounds of cosign's key derivation that are accepted: its own parameters, and what is a little above. */
const MAX_SCRYPT = { N: 1 << 20, r: 16, p: 4 };
const MAX_KEY_BYTES = 64 * 1024;

/**
 * Reads a private key: PEM as openssl writes it (PKCS#8, SEC1, PKCS#1), or cosign's own encrypted form.
 * @throws {TrustError} "trust/bad-key" for anything else, a wrong passphrase, or a weak key.
 */
export async function readSigstorePrivateKey(input: {
  readonly bytes: Uint8Array;
  readonly passphrase: string;
}): Promise<SigstorePrivateKey> {
  if (input.bytes.byteLength > MAX_KEY_BYTES) throw badKey(`more than ${MAX_KEY_BYTES} bytes`);
  const text = new TextDecoder().decode(input.bytes);
  const [, label, body] = /-----BEGIN ENCRYPTED (SIGSTORE|COSIGN) PRIVATE KEY-----([^-]*)-----END/.exec(text) ?? [];
  const key =
    label === undefined
      ? readPem(text, input.passphrase)
      : readDer(await decryptCosign(Buffer.from(body ?? "", "base64"), input.passphrase));
  const pem = createPublicKey(key).export({ type: "spki", format: "pem" });
  const publicKey = readSigstoreKey(new TextEncoder().encode(String(pem)));
  if (publicKey.standing.state !== "valid") throw badKey(publicKey.standing.reason);
  const algorithm = key.asymmetricKeyType === "ed25519" ? null : "sha256";
  return { publicKey, sign: (message) => new Uint8Array(sign(algorithm, message, key)) };
}

function readPem(text: string, passphrase: string): KeyObject {
  try {
    return createPrivateKey({ key: text, format: "pem", ...(passphrase === "" ? {} : { passphrase }) });
  } catch (reason) {
    throw badKey("not a PEM private key, or its passphrase is wrong", reason);
  }
}

function readDer(der: Uint8Array): KeyObject {
  try {
    return createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" });
  } catch (reason) {
    throw badKey("what is encrypted is no private key", reason);
  }
}

/** Spec: sigstore cosign, specs/SIGNATURE_SPEC.md; theupdateframework/go-tuf encrypted keys (scrypt, NaCl secretbox). */
async function decryptCosign(bytes: Uint8Array, passphrase: string): Promise<Uint8Array> {
  const { n, r, p, salt, nonce, ciphertext } = readEnvelope(bytes);
  const derive = promisify<string, Buffer, number, object, Buffer>(scrypt);
  const secret = await derive(passphrase, salt, 32, { N: n, r, p, maxmem: 256 * n * r });
  const { xsalsa20poly1305 } = await import("@noble/ciphers/salsa.js");
  try {
    return xsalsa20poly1305(secret, nonce).decrypt(ciphertext);
  } catch (reason) {
    throw new TrustError("trust/bad-key", "Cannot unlock private key: wrong or missing passphrase", {
      hint: "give it in GANTRY_KEY_PASSPHRASE or COSIGN_PASSWORD",
      cause: reason,
    });
  }
}

function readEnvelope(bytes: Uint8Array) {
  let document: unknown;
  try {
    document = parseJsonStrict(bytes, { limitBytes: MAX_KEY_BYTES });
  } catch (reason) {
    throw badKey("malformed", reason);
  }
  const top = fieldsOf(document);
  const kdf = fieldsOf(top.get("kdf"));
  const cipher = fieldsOf(top.get("cipher"));
  const params = fieldsOf(kdf.get("params"));
  const [n, r, p] = [params.get("N"), params.get("r"), params.get("p")];
  const texts = [kdf.get("salt"), cipher.get("nonce"), top.get("ciphertext")];
  const [salt, nonce, ciphertext] = texts.map((text) => Buffer.from(typeof text === "string" ? text : "", "base64"));
  const isKnown = kdf.get("name") === "scrypt" && cipher.get("name") === "nacl/secretbox";
  const isBounded =
    typeof n === "number" &&
    typeof r === "number" &&
    typeof p === "number" &&
    n <= MAX_SCRYPT.N &&
    r <= MAX_SCRYPT.r &&
    p <= MAX_SCRYPT.p &&
    n > 1 &&
    (n & (n - 1)) === 0 &&
    r > 0 &&
    p > 0;
  if (!isKnown || !isBounded || salt === undefined || ciphertext === undefined || nonce?.byteLength !== 24)
    throw badKey("encrypted in a way that is not known");
  return { n, r, p, salt, nonce, ciphertext };
}

function fieldsOf(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(Object.entries(typeof value === "object" && value !== null ? value : {}));
}

function badKey(state: string, cause?: unknown): TrustError {
  return new TrustError("trust/bad-key", `Cannot use sigstore private key: ${state}`, {
    hint: "pass a key as written by cosign generate-key-pair (cosign.key), or a PEM key",
    cause,
  });
}
