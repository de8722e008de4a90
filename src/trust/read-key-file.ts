import { type KeySummary, readKeys } from "./openpgp/read-keys.ts";
import { isPemPublicKey, readSigstoreKey } from "./sigstore/public-key.ts";

/** A key of a file, whichever kind, ready for the keyring. */
export interface KeyOfFile {
  readonly summary: KeySummary;
  /** What the keyring stores: exactly this one key, armored or PEM. */
  readonly armored: string;
}

/**
 * All keys of a file: OpenPGP keys, or one PEM key as cosign writes it, whose fingerprint is the SHA-256 of its DER form.
 * @throws {TrustError} "trust/bad-key"
 */
export async function readKeyFile(bytes: Uint8Array, atMs: number): Promise<readonly KeyOfFile[]> {
  if (!isPemPublicKey(bytes)) return await readKeys(bytes, atMs);
  const { fingerprint, algorithm, standing, pem } = readSigstoreKey(bytes);
  return [
    {
      summary: { fingerprint, userIds: [], algorithm: `sigstore ${algorithm}`, createdAt: "", standing },
      armored: pem,
    },
  ];
}
