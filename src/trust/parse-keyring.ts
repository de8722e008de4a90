import type { Key } from "openpgp";
import { TrustError } from "./errors.ts";
import type { Keyring, KeyringEntry } from "./keyring.ts";
import { type KeySummary, readKeys } from "./openpgp/read-keys.ts";
import { readKeyFile } from "./read-key-file.ts";
import { isPemPublicKey, readSigstoreKey, type SigstoreKey } from "./sigstore/public-key.ts";

/** A keyring entry with its key parsed and its name checked against the fingerprint. */
export interface ParsedEntry {
  readonly entry: KeyringEntry;
  readonly key: Key;
  readonly summary: KeySummary;
}

/** The same for a sigstore key. */
export interface ParsedSigstoreEntry {
  readonly entry: KeyringEntry;
  readonly key: SigstoreKey;
}

/**
 * Parses every unmasked OpenPGP key. Only the first key of a file counts.
 * @throws {TrustError} "trust/bad-key" when a file is no key, or not the key its name says.
 */
export async function parseKeyring(keyring: Keyring, atMs: number): Promise<readonly ParsedEntry[]> {
  const parsed: ParsedEntry[] = [];
  for (const entry of keyring.entries) {
    if (!entry.masked && !isPemPublicKey(entry.bytes)) parsed.push(await parseEntry(entry, atMs));
  }
  return parsed;
}

/** Parses every unmasked sigstore key. @throws {TrustError} "trust/bad-key" */
export function parseSigstoreKeys(keyring: Keyring): readonly ParsedSigstoreEntry[] {
  return keyring.entries
    .filter((entry) => !entry.masked && isPemPublicKey(entry.bytes))
    .map((entry) => {
      const key = readSigstoreKey(entry.bytes);
      if (key.fingerprint !== entry.fingerprint) throw otherKey(entry, key.fingerprint);
      return { entry, key };
    });
}

/** The summary of one entry, whichever kind of key it is. @throws {TrustError} "trust/bad-key" */
export async function summariseEntry(entry: KeyringEntry, atMs: number): Promise<KeySummary> {
  const [first] = await readKeyFile(entry.bytes, atMs);
  if (first?.summary.fingerprint !== entry.fingerprint) throw otherKey(entry, first?.summary.fingerprint);
  return first.summary;
}

async function parseEntry(entry: KeyringEntry, atMs: number): Promise<ParsedEntry> {
  const [first] = await readKeys(entry.bytes, atMs);
  if (first?.summary.fingerprint !== entry.fingerprint) throw otherKey(entry, first?.summary.fingerprint);
  return { entry, key: first.key, summary: first.summary };
}

function otherKey(entry: KeyringEntry, holds: string | undefined): TrustError {
  return new TrustError("trust/bad-key", `Cannot use trusted key "${entry.fingerprint}": the file holds another key`, {
    hint: `remove it: gantry trust remove ${entry.fingerprint}`,
    data: { layer: entry.layer, holds },
  });
}
