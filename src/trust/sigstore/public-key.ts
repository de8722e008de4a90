import type { KeyObject } from "node:crypto";
import { TrustError } from "../errors.ts";
import type { KeyStanding } from "../openpgp/key-standing.ts";

/** A public key as cosign keeps it: PEM, without owner and without end. */
export interface SigstoreKey {
  /** SHA-256 over the DER form, lower hex: what `cosign` calls the key's hint, in hex. */
  readonly fingerprint: string;
  readonly key: KeyObject;
  readonly pem: string;
  /** `ec prime256v1`, `rsa 3072`, `ed25519`. */
  readonly algorithm: string;
  readonly standing: KeyStanding;
}

/** Largest PEM file with a key, in bytes. */
const MAX_PEM_BYTES = 64 * 1024;
/** Shortest RSA modulus accepted, in bits. */
const MIN_RSA_BITS = 2048;
const CURVES: ReadonlySet<string> = new Set(["prime256v1", "secp384r1", "secp521r1"]);

/** Whether bytes are a PEM public key, as opposed to an OpenPGP one. */
export function isPemPublicKey(bytes: Uint8Array): boolean {
  const head = new TextDecoder().decode(bytes.subarray(0, 4096));
  return /-----BEGIN (?:RSA )?PUBLIC KEY-----/.test(head);
}

/**
 * Reads one PEM public key: ECDSA, RSA or Ed25519. Weak ones are read, with the reason in `standing`.
 * @throws {TrustError} "trust/bad-key"
 */
export function readSigstoreKey(bytes: Uint8Array): SigstoreKey {
  if (bytes.byteLength > MAX_PEM_BYTES) throw badKey(`more than ${MAX_PEM_BYTES} bytes`);
  const text = new TextDecoder().decode(bytes);
  if (text.split("-----BEGIN ").length !== 2) throw badKey("not exactly one PEM block in it");
  try {
    // Loaded when there is such a key: it takes some milliseconds, and most starts have none.
    const { createHash, createPublicKey } = process.getBuiltinModule("node:crypto");
    const key = createPublicKey(text);
    const der = key.export({ type: "spki", format: "der" });
    return {
      fingerprint: createHash("sha256").update(der).digest("hex"),
      key,
      pem: String(key.export({ type: "spki", format: "pem" })),
      ...describe(key),
    };
  } catch (reason) {
    throw badKey("not a PEM public key", reason);
  }
}

/** The hint by which a bundle names the key that made it. */
export function hintOf(key: SigstoreKey): string {
  return Buffer.from(key.fingerprint, "hex").toString("base64");
}

function describe(key: KeyObject): Pick<SigstoreKey, "algorithm" | "standing"> {
  const { asymmetricKeyType: type = "unknown", asymmetricKeyDetails: details } = key;
  const weak = (reason: string): KeyStanding => ({ state: "weak", reason });
  const valid: KeyStanding = { state: "valid" };
  if (type === "ed25519") return { algorithm: type, standing: valid };
  if (type === "ec") {
    const curve = details?.namedCurve ?? "unknown";
    return {
      algorithm: `ec ${curve}`,
      standing: CURVES.has(curve) ? valid : weak(`the curve ${curve} is not accepted`),
    };
  }
  if (type === "rsa") {
    const bits = details?.modulusLength ?? 0;
    const reason = `RSA keys shorter than ${MIN_RSA_BITS} bits are too weak (this one has ${bits})`;
    return { algorithm: `rsa ${bits}`, standing: bits < MIN_RSA_BITS ? weak(reason) : valid };
  }
  return { algorithm: type, standing: weak(`${type} keys are not accepted`) };
}

function badKey(state: string, cause?: unknown): TrustError {
  return new TrustError("trust/bad-key", `Cannot read sigstore key: ${state}`, {
    hint: "pass a public key as written by cosign generate-key-pair (cosign.pub)",
    cause,
  });
}
