import { assertNever } from "../base/errors.ts";
import { TrustError, type TrustErrorCode } from "./errors.ts";
import type { Keyring } from "./keyring.ts";
import type { KeyStanding } from "./openpgp/key-standing.ts";
import { readKeyFile } from "./read-key-file.ts";
import { formatScope, parseScopeName, type Scope } from "./scope.ts";

/** A key about to be trusted: show fingerprint, owners and warnings, ask, then pass it to `addKey`. */
export interface PlannedKey {
  readonly scope: Scope;
  readonly fingerprint: string;
  readonly armored: string;
  readonly userIds: readonly string[];
  readonly algorithm: string;
  readonly expiresAt?: string;
  readonly warnings: readonly string[];
  /** Already trusted for the same scope. */
  readonly known: boolean;
}

/**
 * Checks the keys of a file before they are trusted for `scope`; all or none.
 * @throws {TrustError} "trust/bad-key", "trust/bad-scope", "trust/key-expired", "trust/key-revoked", "trust/weak-key"
 */
export async function planKeyAdd(
  keyring: Keyring,
  input: { readonly bytes: Uint8Array; readonly scope: Scope; readonly atMs: number },
): Promise<readonly PlannedKey[]> {
  if (input.scope.kind !== "root") parseScopeName(input.scope.name);
  const keys = await readKeyFile(input.bytes, input.atMs);
  return keys.map(({ summary, armored }) => {
    assertUsable(summary.fingerprint, summary.standing);
    const revocation = keyring.revocations.get(summary.fingerprint);
    if (revocation !== undefined)
      assertUsable(summary.fingerprint, { state: "revoked", reason: `revoked on this host: ${revocation.reason}` });
    const scopeText = formatScope(input.scope);
    const warnings: string[] = [];
    if (input.scope.kind === "root") warnings.push("it will be trusted for every image");
    if (summary.userIds.length === 0 && !summary.algorithm.startsWith("sigstore ")) warnings.push("it names no owner");
    if (keys.length > 1) warnings.push(`the file holds ${keys.length} keys; all of them will be trusted`);
    return {
      scope: input.scope,
      fingerprint: summary.fingerprint,
      armored,
      userIds: summary.userIds,
      algorithm: summary.algorithm,
      ...(summary.expiresAt === undefined ? {} : { expiresAt: summary.expiresAt }),
      warnings,
      known: keyring.entries.some(
        (one) => !one.masked && one.fingerprint === summary.fingerprint && formatScope(one.scope) === scopeText,
      ),
    };
  });
}

function assertUsable(fingerprint: string, standing: KeyStanding): void {
  if (standing.state === "valid") return;
  throw new TrustError(codeOf(standing.state), `Cannot trust key "${fingerprint}": ${standing.reason}`, {
    hint: "ask its owner for a current, strong key, then: gantry trust add --prefix NAME KEYFILE",
  });
}

function codeOf(state: Exclude<KeyStanding["state"], "valid">): TrustErrorCode {
  switch (state) {
    case "expired":
      return "trust/key-expired";
    case "revoked":
      return "trust/key-revoked";
    case "weak":
      return "trust/weak-key";
    case "unusable":
      return "trust/bad-key";
    default:
      return assertNever(state);
  }
}
