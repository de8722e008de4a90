import type { Keyring } from "./keyring.ts";
import { summariseEntry } from "./parse-keyring.ts";
import { readKeyFile } from "./read-key-file.ts";
import type { Scope } from "./scope.ts";

/** One row of `trust list`. */
export interface ListedKey {
  readonly scope: Scope;
  readonly fingerprint: string;
  readonly layer: string;
  readonly userIds: readonly string[];
  readonly algorithm: string;
  readonly expiresAt?: string;
  readonly state: "valid" | "expired" | "revoked" | "weak" | "unusable" | "masked";
  /** Why it is not valid. */
  readonly reason?: string;
}

/** Every key of the keyring with its standing at `atMs`, masked and revoked ones included; damaged files show as unusable. */
export async function listKeys(keyring: Keyring, atMs: number): Promise<readonly ListedKey[]> {
  return await Promise.all(keyring.entries.map((entry) => describe(keyring, { entry, atMs })));
}

async function describe(
  keyring: Keyring,
  input: { readonly entry: Keyring["entries"][number]; readonly atMs: number },
): Promise<ListedKey> {
  const { entry } = input;
  const base = { scope: entry.scope, fingerprint: entry.fingerprint, layer: entry.layer };
  const revocation = keyring.revocations.get(entry.fingerprint);
  try {
    const summary = entry.masked
      ? (await readKeyFile(entry.bytes, input.atMs))[0]?.summary
      : await summariseEntry(entry, input.atMs);
    const facts = {
      userIds: summary?.userIds ?? [],
      algorithm: summary?.algorithm ?? "",
      ...(summary?.expiresAt === undefined ? {} : { expiresAt: summary.expiresAt }),
    };
    if (entry.masked)
      return { ...base, ...facts, state: "masked", reason: `an empty file in layer ${entry.layer} masks it` };
    if (revocation !== undefined) return { ...base, ...facts, state: "revoked", reason: revocation.reason };
    const standing = summary?.standing ?? { state: "unusable" as const, reason: "no key in the file" };
    return {
      ...base,
      ...facts,
      state: standing.state,
      ...(standing.state === "valid" ? {} : { reason: standing.reason }),
    };
  } catch (reason) {
    // A listing shows what is wrong with a file instead of ending there.
    const text = reason instanceof Error ? reason.message : String(reason);
    return { ...base, userIds: [], algorithm: "", state: entry.masked ? "masked" : "unusable", reason: text };
  }
}
