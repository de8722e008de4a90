import { removeKey as removeTrustKey } from "../trust/edit-keyring.ts";
import { formatScope } from "../trust/scope.ts";
import type { EngineContext } from "./context.ts";
import type { TrustedKey, TrustScope } from "./engine-calls.ts";
import { listKeys } from "./list-keys.ts";
import { trustLayers } from "./trust-layers.ts";
import { toScope } from "./trust-scope.ts";

/**
 * `trust remove`: takes a key out of one scope or all; where a lower layer holds it, the admin layer masks it. Each
 * removal is on record before it happens. Returns the entries as they were.
 * @throws {TrustError} "trust/not-found", "trust/bad-key" for half a fingerprint, "trust/bad-scope".
 */
export async function removeKey(
  ctx: EngineContext,
  input: { readonly fingerprint: string; readonly scope?: TrustScope },
): Promise<readonly TrustedKey[]> {
  const scope = input.scope === undefined ? undefined : toScope(input.scope);
  const wanted = input.fingerprint.replaceAll(/[\s:]/g, "").toLowerCase();
  const hits = (await listKeys(ctx)).filter((key) => {
    const isInScope = scope === undefined || formatScope(toScope(key.scope)) === formatScope(scope);
    return key.fingerprint === wanted && key.state !== "masked" && isInScope;
  });
  for (const hit of hits) {
    ctx.events.report({
      type: "trust.key-removed",
      fingerprint: wanted,
      scope: formatScope(toScope(hit.scope)),
    });
  }
  removeTrustKey(trustLayers(ctx), { fingerprint: input.fingerprint, ...(scope === undefined ? {} : { scope }) });
  return hits;
}
