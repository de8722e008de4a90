import type { Clock } from "../base/clock.ts";
import { formatTimestamp } from "../base/clock.ts";
import type { Files } from "../sys/host.ts";
import { TrustError } from "./errors.ts";
import { isFingerprint, keyPath, openKeyring, type Revocation, revocationPath } from "./keyring.ts";
import type { TrustLayer } from "./layers.ts";
import { formatScope, type Scope } from "./scope.ts";

/**
 * Writes one armored key into a layer (its directory). Idempotent and atomic; plan it with `planKeyAdd` first.
 * @throws {TrustError} "trust/bad-key", "trust/bad-scope"
 */
export function addKey(
  files: Files,
  input: { readonly scope: Scope; readonly fingerprint: string; readonly armored: string },
): void {
  files.writeAtomic(keyPath(keyScope(input.scope), assertFingerprint(input.fingerprint)), input.armored, 0o644);
}

/**
 * Takes a key out of the highest layer; when a lower layer has it in the same scope, an empty file masks it there.
 * Without a scope: in every scope. Returns the scopes it was taken from.
 * @throws {TrustError} "trust/not-found"
 */
export function removeKey(
  layers: readonly TrustLayer[],
  input: { readonly fingerprint: string; readonly scope?: Scope },
): readonly Scope[] {
  const target = layers.at(-1);
  const fingerprint = assertFingerprint(input.fingerprint);
  const wanted = input.scope === undefined ? undefined : formatScope(input.scope);
  const hits = openKeyring(layers).entries.filter(
    (entry) =>
      entry.fingerprint === fingerprint &&
      !entry.masked &&
      (wanted === undefined || formatScope(entry.scope) === wanted),
  );
  if (target === undefined || hits.length === 0) throw notTrusted(fingerprint);
  const lower = layers.slice(0, -1);
  for (const hit of hits) {
    const path = keyPath(hit.scope, fingerprint);
    if (lower.some((layer) => layer.files.has(path))) target.files.writeAtomic(path, "", 0o644);
    else target.files.remove(path);
  }
  return hits.map((hit) => hit.scope);
}

/**
 * Revokes a key for every name, whatever layer it is in, also when it is not in the keyring yet. Never undone by
 * adding the key again. Idempotent: the first record stays.
 * @throws {TrustError} "trust/bad-key" when `fingerprint` is not whole.
 */
export function revokeKey(
  host: { readonly files: Files; readonly clock: Clock },
  input: { readonly fingerprint: string; readonly reason: string },
): Revocation {
  const fingerprint = assertFingerprint(input.fingerprint);
  const revocation: Revocation = {
    fingerprint,
    reason: input.reason.slice(0, 1024),
    revokedAt: formatTimestamp(host.clock.nowMs()),
  };
  const path = revocationPath(fingerprint);
  if (!host.files.has(path)) host.files.writeAtomic(path, `${JSON.stringify(revocation)}\n`, 0o644);
  return revocation;
}

function keyScope(scope: Scope): Scope {
  if (scope.kind !== "exact") return scope;
  throw new TrustError("trust/bad-scope", `Cannot trust a key for exactly "${scope.name}": keys have prefixes`, {
    hint: `trust it for the name and everything under it: gantry trust add --prefix ${scope.name} KEYFILE`,
  });
}

function assertFingerprint(text: string): string {
  const fingerprint = text.replaceAll(/[\s:]/g, "").toLowerCase();
  if (isFingerprint(fingerprint)) return fingerprint;
  throw new TrustError("trust/bad-key", `Cannot use fingerprint "${text.slice(0, 100)}": not 40 or 64 hex characters`, {
    hint: "copy the whole fingerprint from: gantry trust list",
  });
}

function notTrusted(fingerprint: string): TrustError {
  return new TrustError("trust/not-found", `Cannot remove key "${fingerprint}": not trusted for that scope`, {
    hint: "see gantry trust list",
  });
}
