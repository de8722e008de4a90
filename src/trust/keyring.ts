import { TrustError } from "./errors.ts";
import { hashLayerFiles, KEYS_DIR, type LayerFile, readLayerFiles, type TrustLayer } from "./layers.ts";
import { isCoveredBy, parseScopeName, type Scope } from "./scope.ts";

/** A key file of the keyring. `masked` ones are emptied by a higher layer and count for nothing. */
export interface KeyringEntry {
  readonly scope: Scope;
  readonly fingerprint: string;
  readonly layer: string;
  readonly bytes: Uint8Array;
  readonly masked: boolean;
}

/** An order never to trust a key again, for any name, whatever its files say. */
export interface Revocation {
  readonly fingerprint: string;
  readonly reason: string;
  readonly revokedAt: string;
}

/** The keys of all layers, as files: nothing in here has been parsed as OpenPGP yet. */
export interface Keyring {
  readonly entries: readonly KeyringEntry[];
  readonly revocations: ReadonlyMap<string, Revocation>;
  /** Changes whenever any key or revocation file does. */
  readonly hash: string;
}

/**
 * Reads the keyring of all layers (lowest first). Higher layers replace or, with an empty file, mask the same
 * fingerprint in the same scope.
 * @throws {TrustError} "trust/bad-key" for a file whose place or name is not that of a key.
 */
export function openKeyring(layers: readonly TrustLayer[]): Keyring {
  const files = layers.flatMap((layer) => readLayerFiles(layer, KEYS_DIR));
  const entries = new Map<string, KeyringEntry>();
  const revocations = new Map<string, Revocation>();
  for (const file of files) {
    const place = parsePlace(file);
    if (place.kind === "revocation") {
      const revocation = parseRevocation(file, place.fingerprint);
      revocations.set(revocation.fingerprint, revocation);
      continue;
    }
    const id = `${place.scope.kind === "root" ? "" : place.scope.name}\0${place.fingerprint}`;
    const below = entries.get(id);
    const masked = file.bytes.byteLength === 0;
    entries.set(id, { ...place, layer: file.layer, bytes: masked ? (below?.bytes ?? file.bytes) : file.bytes, masked });
  }
  return { entries: [...entries.values()], revocations, hash: hashLayerFiles(files) };
}

/** Keys that may vouch for the image `name` (without tag): root keys and those of every covering prefix. */
export function keysFor(keyring: Keyring, name: string): readonly KeyringEntry[] {
  return keyring.entries.filter((entry) => !entry.masked && isCoveredBy(entry.scope, name));
}

/** Path of a key in a layer. */
export function keyPath(scope: Scope, fingerprint: string): string {
  if (scope.kind === "root") return `${KEYS_DIR}/root.d/${fingerprint}`;
  return `${KEYS_DIR}/prefix.d/${parseScopeName(scope.name)}/${fingerprint}`;
}

/** Path of a revocation in a layer. */
export function revocationPath(fingerprint: string): string {
  return `${KEYS_DIR}/revoked.d/${fingerprint}`;
}

/** Whether text is a whole fingerprint in the form of the keyring: 40 (v4) or 64 (v6) lower hex characters. */
export function isFingerprint(text: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text);
}

type Place =
  | { readonly kind: "key"; readonly scope: Scope; readonly fingerprint: string }
  | { readonly kind: "revocation"; readonly fingerprint: string };

function parsePlace(file: LayerFile): Place {
  const parts = file.rel.split("/").slice(1);
  const fingerprint = parts.at(-1) ?? "";
  const name = parts.slice(1, -1).join("/");
  if (!isFingerprint(fingerprint)) throw misplaced(file, "its name is not a fingerprint");
  if (parts[0] === "root.d" && name === "") return { kind: "key", scope: { kind: "root" }, fingerprint };
  if (parts[0] === "revoked.d" && name === "") return { kind: "revocation", fingerprint };
  if (parts[0] === "prefix.d" && name !== "") {
    return { kind: "key", scope: { kind: "prefix", name: parseScopeName(name) }, fingerprint };
  }
  throw misplaced(file, "it is in none of root.d, prefix.d/NAME and revoked.d");
}

/** A revocation that cannot be read still revokes: its file name says which key. */
function parseRevocation(file: LayerFile, fingerprint: string): Revocation {
  const unknown: Revocation = { fingerprint, reason: "no reason recorded", revokedAt: "" };
  try {
    const parsed: unknown = JSON.parse(new TextDecoder().decode(file.bytes));
    if (typeof parsed !== "object" || parsed === null) return unknown;
    const reason = "reason" in parsed && typeof parsed.reason === "string" ? parsed.reason : unknown.reason;
    const revokedAt = "revokedAt" in parsed && typeof parsed.revokedAt === "string" ? parsed.revokedAt : "";
    return { fingerprint, reason, revokedAt };
  } catch {
    // Damaged content must never turn a revocation off.
    return unknown;
  }
}

function misplaced(file: LayerFile, state: string): TrustError {
  return new TrustError("trust/bad-key", `Cannot use keyring file "${file.rel}" of layer ${file.layer}: ${state}`, {
    hint: "remove the file, then add the key with gantry trust add --prefix NAME KEYFILE",
  });
}
