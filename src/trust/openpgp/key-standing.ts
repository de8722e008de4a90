import type { Key, PartialConfig, Subkey } from "openpgp";
import { formatReason } from "../../base/errors.ts";
import type { OpenPgpLibrary } from "./load-openpgp.ts";

/** Whether a key may vouch for anything at a given moment, and if not, why. */
export type KeyStanding =
  | { readonly state: "valid"; readonly expiresAtMs?: number }
  | { readonly state: "expired" | "revoked" | "weak" | "unusable"; readonly reason: string };

/** Shortest RSA modulus accepted, in bits. */
const MIN_RSA_BITS = 2048;

/** SHA-1 and MD5 self-signatures can be forged by collision: only newer hashes bind a key. */
function strict(pgp: OpenPgpLibrary): PartialConfig {
  const { md5, sha1, ripemd } = pgp.enums.hash;
  return { rejectHashAlgorithms: new Set([md5, sha1, ripemd]), minRSABits: MIN_RSA_BITS };
}

/** A revocation counts whatever hash it was made with. */
function lenient(): PartialConfig {
  return { rejectHashAlgorithms: new Set() };
}

/** Why an algorithm is refused, or undefined. Spec: RFC 9580, section 9.1 and 12.4. */
export function findWeakness(info: { readonly algorithm: string; readonly bits?: number }): string | undefined {
  if (info.algorithm === "dsa") return "DSA keys are too weak";
  if (info.algorithm === "elgamal") return "ElGamal keys are too weak";
  if (info.algorithm.startsWith("rsa") && (info.bits ?? 0) < MIN_RSA_BITS) {
    return `RSA keys shorter than ${MIN_RSA_BITS} bits are too weak (this one has ${info.bits ?? 0})`;
  }
  return undefined;
}

/** Standing of a key (its primary part, and that some part may sign) at `atMs`. */
export async function readKeyStanding(pgp: OpenPgpLibrary, key: Key, atMs: number): Promise<KeyStanding> {
  const primary = await readPrimaryStanding(pgp, key, atMs);
  if (primary.state !== "valid") return primary;
  try {
    await key.getSigningKey(undefined, new Date(atMs), undefined, fullConfig(pgp, strict(pgp)));
    return primary;
  } catch (reason) {
    return explainSigningFailure(pgp, { key, atMs }, reason);
  }
}

/** Standing of the part with `keyId` (primary or subkey) as a signer at `atMs`, together with its primary key. */
export async function readSignerStanding(
  pgp: OpenPgpLibrary,
  key: Key,
  input: { readonly keyIdHex: string; readonly atMs: number },
): Promise<KeyStanding> {
  const primary = await readPrimaryStanding(pgp, key, input.atMs);
  if (primary.state !== "valid") return primary;
  const subkey = key.subkeys.find((part) => part.getKeyID().toHex() === input.keyIdHex);
  const sub = subkey === undefined ? primary : await readSubkeyStanding(subkey, input.atMs);
  if (sub.state !== "valid") return sub;
  const part = subkey ?? key;
  try {
    await key.getSigningKey(part.getKeyID(), new Date(input.atMs), undefined, fullConfig(pgp, strict(pgp)));
  } catch (reason) {
    return explainSigningFailure(pgp, { key, part, atMs: input.atMs }, reason);
  }
  const ends = [primary, sub].flatMap((one) => (one.expiresAtMs === undefined ? [] : [one.expiresAtMs]));
  return ends.length === 0 ? { state: "valid" } : { state: "valid", expiresAtMs: Math.min(...ends) };
}

async function readPrimaryStanding(pgp: OpenPgpLibrary, key: Key, atMs: number): Promise<KeyStanding> {
  const at = new Date(atMs);
  if (await key.isRevoked(undefined, undefined, at, fullConfig(pgp, lenient()))) {
    return { state: "revoked", reason: "the key carries a revocation by its owner" };
  }
  const weak = findWeakness(key.getAlgorithmInfo());
  if (weak !== undefined) return { state: "weak", reason: weak };
  return standingUntil(await key.getExpirationTime(), atMs, "the key");
}

async function readSubkeyStanding(subkey: Subkey, atMs: number): Promise<KeyStanding> {
  const id = subkey.getKeyID().toHex();
  const weak = findWeakness(subkey.getAlgorithmInfo());
  if (weak !== undefined) return { state: "weak", reason: `subkey ${id}: ${weak}` };
  for (const binding of subkey.bindingSignatures) {
    if (await subkey.isRevoked(binding, subkey.mainKey.keyPacket, new Date(atMs))) {
      return { state: "revoked", reason: `subkey ${id} is revoked by its owner` };
    }
  }
  return standingUntil(await subkey.getExpirationTime(new Date(atMs)), atMs, `subkey ${id}`);
}

function standingUntil(end: Date | typeof Infinity | null, atMs: number, what: string): KeyStanding {
  if (!(end instanceof Date)) return { state: "valid" };
  if (end.getTime() <= atMs) return { state: "expired", reason: `${what} expired on ${end.toISOString()}` };
  return { state: "valid", expiresAtMs: end.getTime() };
}

async function explainSigningFailure(
  pgp: OpenPgpLibrary,
  at: { readonly key: Key; readonly part?: Key | Subkey; readonly atMs: number },
  failure: unknown,
): Promise<KeyStanding> {
  // Of the very part that failed: another one of the key may be fine.
  const { key, part, atMs } = at;
  try {
    const lax = { rejectHashAlgorithms: new Set<never>(), minRSABits: 0 };
    await key.getSigningKey(part?.getKeyID(), new Date(atMs), undefined, fullConfig(pgp, lax));
  } catch {
    // Fails under the library's own rules too, so the first failure says what is wrong.
    return { state: "unusable", reason: formatReason(failure) };
  }
  return { state: "weak", reason: "its self-signatures use SHA-1 or MD5" };
}

function fullConfig(pgp: OpenPgpLibrary, part: PartialConfig): OpenPgpLibrary["config"] {
  return { ...pgp.config, ...part };
}
