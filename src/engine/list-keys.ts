import { TrustError } from "../trust/errors.ts";
import { type Keyring, keyPath, openKeyring } from "../trust/keyring.ts";
import type { TrustLayer } from "../trust/layers.ts";
import { type ListedKey, listKeys as listTrustKeys } from "../trust/list-keys.ts";
import { readKeyFile } from "../trust/read-key-file.ts";
import type { EngineContext } from "./context.ts";
import type { TrustedKey } from "./engine-calls.ts";
import { trustLayers } from "./trust-layers.ts";
import { fromScope } from "./trust-scope.ts";

/** `trust list`: every key of every layer, masked, revoked and damaged ones included, sorted by scope. */
export async function listKeys(ctx: EngineContext): Promise<readonly TrustedKey[]> {
  const layers = trustLayers(ctx);
  const keyring = openKeyring(layers);
  const atMs = ctx.clock.nowMs();
  const listed = await listTrustKeys(keyring, atMs);
  const rows = listed.map(async (key, at) => describe(layers, key, await readCreatedAt(keyring.entries[at], atMs)));
  return (await Promise.all(rows)).sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
}

function sortKey({ scope, fingerprint }: TrustedKey): string {
  return `${scope.kind === "root" ? "" : scope.prefix} ${fingerprint}`;
}

function describe(layers: readonly TrustLayer[], key: ListedKey, createdAt: string): TrustedKey {
  const files = layers.find((layer) => layer.name === key.layer)?.files;
  // A damaged file is shown as weak, with what is wrong as its reason: it vouches for nothing.
  const state = key.state === "unusable" ? "weak" : key.state;
  return {
    fingerprint: key.fingerprint,
    userIds: key.userIds,
    algorithm: key.algorithm,
    createdAt,
    ...(key.expiresAt === undefined ? {} : { expiresAt: key.expiresAt }),
    from: files?.path(keyPath(key.scope, key.fingerprint)) ?? key.layer,
    scope: fromScope(key.scope),
    state,
    ...(key.reason === undefined ? {} : { reason: key.reason }),
  };
}

async function readCreatedAt(entry: Keyring["entries"][number] | undefined, atMs: number): Promise<string> {
  if (entry === undefined || entry.bytes.byteLength === 0) return "";
  try {
    return (await readKeyFile(entry.bytes, atMs))[0]?.summary.createdAt ?? "";
  } catch (reason) {
    // What is wrong with the file is in its row already.
    if (reason instanceof TrustError) return "";
    throw reason;
  }
}
