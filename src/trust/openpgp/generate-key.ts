import { loadOpenPgp } from "./load-openpgp.ts";

/** A fresh signing key; both halves armored. The private half has no passphrase: keep its file at mode 0600. */
export interface GeneratedKey {
  readonly fingerprint: string;
  readonly publicKey: string;
  readonly privateKey: string;
}

/** Makes an Ed25519 key in the v4 form that GnuPG 2.2 reads too. Randomness comes from the kernel. */
export async function generateKey(owner: {
  readonly name: string;
  readonly email: string;
  readonly atMs?: number;
}): Promise<GeneratedKey> {
  const pgp = await loadOpenPgp();
  const made = await pgp.generateKey({
    type: "ecc",
    curve: "ed25519Legacy",
    userIDs: [{ name: owner.name, email: owner.email }],
    format: "object",
    ...(owner.atMs === undefined ? {} : { date: new Date(owner.atMs) }),
  });
  return {
    fingerprint: made.publicKey.getFingerprint().toLowerCase(),
    publicKey: made.publicKey.armor(),
    privateKey: made.privateKey.armor(),
  };
}
