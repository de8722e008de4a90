import { revokeKey as revokeTrustKey } from "../trust/edit-keyring.ts";
import { isFingerprint } from "../trust/keyring.ts";
import type { EngineContext } from "./context.ts";
import { adminFiles } from "./trust-layers.ts";

/**
 * `trust revoke`: never trust this key again, whatever layer holds it, also when none does yet. From the next start on
 * images it signed are refused. Idempotent; on record before it happens.
 * @throws {TrustError} "trust/bad-key" unless the fingerprint is whole.
 */
export async function revokeKey(
  ctx: EngineContext,
  input: { readonly fingerprint: string; readonly reason: string },
): Promise<{ readonly fingerprint: string }> {
  const files = adminFiles(ctx);
  const fingerprint = input.fingerprint.replaceAll(/[\s:]/g, "").toLowerCase();
  // Half a fingerprint revokes nothing, so it is no event: the call below refuses it.
  if (isFingerprint(fingerprint))
    ctx.events.report({ type: "trust.key-revoked", fingerprint, reason: input.reason.slice(0, 1024) });
  const revocation = revokeTrustKey({ files, clock: ctx.clock }, { fingerprint, reason: input.reason });
  return { fingerprint: revocation.fingerprint };
}
