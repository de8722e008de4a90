import type { Key } from "openpgp";
import { formatTimestamp } from "../../base/clock.ts";
import { TrustError } from "../errors.ts";
import { type KeyStanding, readKeyStanding } from "./key-standing.ts";
import { loadOpenPgp, type OpenPgpLibrary } from "./load-openpgp.ts";

/** Largest key file read, in bytes, and most keys in one. */
export const MAX_KEY_FILE_BYTES = 1024 * 1024;
const MAX_KEYS_PER_FILE = 64;

/** What people need to know of a public key before trusting it. */
export interface KeySummary {
  /** Primary fingerprint, lower hex: 40 characters (v4) or 64 (v6). */
  readonly fingerprint: string;
  readonly userIds: readonly string[];
  /** e.g. `rsaEncryptSign 3072`, `eddsaLegacy`. */
  readonly algorithm: string;
  readonly createdAt: string;
  readonly expiresAt?: string;
  readonly standing: KeyStanding;
}

/** A public key and its summary; `armored` is exactly this one key, ready for a keyring file. */
export interface ReadKey {
  readonly summary: KeySummary;
  readonly armored: string;
  readonly key: Key;
}

/**
 * All public keys of a file, armored or binary. Secret keys are reduced to their public half.
 * @throws {TrustError} "trust/bad-key"
 */
export async function readKeys(bytes: Uint8Array, atMs: number): Promise<readonly ReadKey[]> {
  if (bytes.byteLength > MAX_KEY_FILE_BYTES) throw badKey(`more than ${MAX_KEY_FILE_BYTES} bytes`);
  const pgp = await loadOpenPgp();
  const keys = await parseKeys(pgp, bytes);
  if (keys.length === 0) throw badKey("no key in it");
  if (keys.length > MAX_KEYS_PER_FILE) throw badKey(`more than ${MAX_KEYS_PER_FILE} keys in it`);
  return await Promise.all(keys.map((key) => describeKey(pgp, key.toPublic(), atMs)));
}

async function parseKeys(pgp: OpenPgpLibrary, bytes: Uint8Array): Promise<readonly Key[]> {
  try {
    if (!isArmored(bytes)) return await pgp.readKeys({ binaryKeys: bytes });
    const blocks = splitArmor(new TextDecoder().decode(bytes));
    const keys = await Promise.all(blocks.map((armoredKeys) => pgp.readKeys({ armoredKeys })));
    return keys.flat();
  } catch (reason) {
    throw badKey("not an OpenPGP key", reason);
  }
}

/** Several armored blocks in one file are common (`cat a.asc b.asc`), but not one armored message. */
function splitArmor(text: string): readonly string[] {
  const end = /-----END PGP (?:PUBLIC|PRIVATE) KEY BLOCK-----/g;
  const blocks: string[] = [];
  let from = 0;
  for (let hit = end.exec(text); hit !== null; hit = end.exec(text)) {
    blocks.push(text.slice(from, end.lastIndex));
    from = end.lastIndex;
  }
  return blocks.length === 0 ? [text] : blocks;
}

/** Whether bytes are ASCII armor: binary OpenPGP packets always start with the high bit set. */
export function isArmored(bytes: Uint8Array): boolean {
  return ((bytes[0] ?? 0) & 0x80) === 0;
}

async function describeKey(pgp: OpenPgpLibrary, key: Key, atMs: number): Promise<ReadKey> {
  const info = key.getAlgorithmInfo();
  const expires = await key.getExpirationTime();
  const summary: KeySummary = {
    fingerprint: key.getFingerprint().toLowerCase(),
    userIds: key.getUserIDs().map(printable),
    algorithm: info.bits === undefined ? info.algorithm : `${info.algorithm} ${info.bits}`,
    createdAt: formatTimestamp(key.getCreationTime().getTime()),
    ...(expires instanceof Date ? { expiresAt: formatTimestamp(expires.getTime()) } : {}),
    standing: await readKeyStanding(pgp, key, atMs),
  };
  return { summary, armored: key.armor(), key };
}

/** User ids are chosen by strangers: no control characters reach a terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, "?").slice(0, 256);
}

function badKey(state: string, cause?: unknown): TrustError {
  return new TrustError("trust/bad-key", `Cannot read key file: ${state}`, {
    hint: "pass a public key as written by gpg --export --armor KEYID",
    cause,
  });
}
