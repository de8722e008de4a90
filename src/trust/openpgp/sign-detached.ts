import type { PrivateKey } from "openpgp";
import { TrustError } from "../errors.ts";
import { loadOpenPgp, type OpenPgpLibrary } from "./load-openpgp.ts";

/** What to sign, with which private key (armored). */
export interface SignInput {
  readonly bytes: Uint8Array;
  readonly privateKey: string;
  readonly passphrase?: string;
  /** Moment written into the signature. */
  readonly atMs: number;
}

/**
 * Detached armored signature over bytes in memory; big archives are signed through gpg.
 * @throws {TrustError} "trust/bad-key" for an unreadable key or wrong passphrase, "trust/cannot-sign".
 */
export async function signDetached(input: SignInput): Promise<string> {
  const pgp = await loadOpenPgp();
  const signingKeys = await unlockPrivateKey(pgp, input);
  try {
    const message = await pgp.createMessage({ binary: input.bytes });
    return await pgp.sign({ message, signingKeys, detached: true, format: "armored", date: new Date(input.atMs) });
  } catch (reason) {
    throw new TrustError("trust/cannot-sign", "Cannot sign: the key refuses", {
      hint: "use a valid signing key",
      cause: reason,
    });
  }
}

/** The private key, unlocked. @throws {TrustError} "trust/bad-key" */
export async function unlockPrivateKey(
  pgp: OpenPgpLibrary,
  input: Pick<SignInput, "privateKey" | "passphrase">,
): Promise<PrivateKey> {
  let key = await pgp.readPrivateKey({ armoredKey: input.privateKey }).catch((reason: unknown) => {
    throw new TrustError("trust/bad-key", "Cannot read private key: not an armored OpenPGP private key", {
      hint: "pass a file written by gpg --export-secret-keys --armor KEYID, or leave the key out to use gpg",
      cause: reason,
    });
  });
  if (!key.isDecrypted()) {
    key = await pgp.decryptKey({ privateKey: key, passphrase: input.passphrase ?? "" }).catch((reason: unknown) => {
      throw new TrustError("trust/bad-key", "Cannot unlock private key: wrong or missing passphrase", {
        hint: "give the passphrase of the key, or leave the key file out to sign with gpg and its agent",
        cause: reason,
      });
    });
  }
  return key;
}
