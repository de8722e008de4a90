import type { Key } from "openpgp";
import { TrustError } from "./errors.ts";
import type { Keyring, KeyringEntry } from "./keyring.ts";
import { type KeySummary, readKeys } from "./openpgp/read-keys.ts";

/** A keyring entry with its key parsed and its name checked against the fingerprint. */
export interface ParsedEntry {
  readonly entry: KeyringEntry;
  readonly key: Key;
  readonly summary: KeySummary;
}

/**
 * Parses every unmasked key. Only the first key of a file counts.
 * @throws {TrustError} "trust/bad-key" when a file is no key, or not the key its name says.
 */
export async function parseKeyring(keyring: Keyring, atMs: number): Promise<readonly ParsedEntry[]> {
  const parsed: ParsedEntry[] = [];
  for (const entry of keyring.entries) {
    if (!entry.masked) parsed.push(await parseEntry(entry, atMs));
  }
  return parsed;
}

/** Parses one entry. @throws {TrustError} "trust/bad-key" */
export async function parseEntry(entry: KeyringEntry, atMs: number): Promise<ParsedEntry> {
  const [first] = await readKeys(entry.bytes, atMs);
  if (first?.summary.fingerprint !== entry.fingerprint) {
    throw new TrustError("trust/bad-key", `Cannot use trusted key "${entry.fingerprint}": the file holds another key`, {
      hint: `remove it: gantry trust remove ${entry.fingerprint}`,
      data: { layer: entry.layer, holds: first?.summary.fingerprint },
    });
  }
  return { entry, key: first.key, summary: first.summary };
}
