import { revokeKey as revokeTrustKey } from "../trust/edit-keyring.ts";
import { isFingerprint, openKeyring } from "../trust/keyring.ts";
import { MAX_KEY_FILE_BYTES } from "../trust/openpgp/read-keys.ts";
import { parseKeyring } from "../trust/parse-keyring.ts";
import type { EngineContext } from "./context.ts";
import { UseCaseError } from "./errors.ts";
import { adminFiles, trustLayers } from "./trust-layers.ts";
import { openUserPath } from "./user-path.ts";

/** What to revoke: by fingerprint, by its owner's certificate, or both, which then have to agree. */
export interface RevokeInput {
  readonly fingerprint?: string;
  readonly reason?: string;
  /** File with an OpenPGP revocation certificate. */
  readonly certificate?: string;
}

/**
 * `trust revoke`: never trust this key again, whatever layer holds it, also when none does yet. From the next start on
 * images it signed are refused. Idempotent; on record before it happens.
 * @throws {TrustError} "trust/bad-key" unless the fingerprint is whole or the certificate verifies; "trust/not-found" when
 * the certificate's key is not known; {UseCaseError} "engine/bad-input" when both are given and differ.
 */
export async function revokeKey(
  ctx: EngineContext,
  input: RevokeInput,
): Promise<{ readonly fingerprint: string; readonly reason: string }> {
  const files = adminFiles(ctx);
  const proven = input.certificate === undefined ? undefined : await readCertificate(ctx, input.certificate);
  const typed = input.fingerprint?.replaceAll(/[\s:]/g, "").toLowerCase();
  if (proven !== undefined && typed !== undefined && typed !== proven.fingerprint) {
    throw new UseCaseError(
      "engine/bad-input",
      `Cannot revoke key ${typed}: the certificate is for ${proven.fingerprint}`,
      {
        hint: "leave the fingerprint out, or pass the certificate of that key",
      },
    );
  }
  const fingerprint = proven?.fingerprint ?? typed ?? "";
  const reason = (input.reason ?? proven?.reason ?? "revoked by the administrator").slice(0, 1024);
  // Half a fingerprint revokes nothing, so it is no event: the call below refuses it.
  if (isFingerprint(fingerprint)) ctx.events.report({ type: "trust.key-revoked", fingerprint, reason });
  const revocation = revokeTrustKey({ files, clock: ctx.clock }, { fingerprint, reason });
  return { fingerprint: revocation.fingerprint, reason };
}

async function readCertificate(ctx: EngineContext, path: string) {
  const { readRevocationCertificate } = await import("../trust/openpgp/revocation-certificate.ts");
  const { directory, name } = openUserPath(path);
  const bytes = directory.readBytes(name, MAX_KEY_FILE_BYTES);
  const atMs = ctx.clock.nowMs();
  const keys = await parseKeyring(openKeyring(trustLayers(ctx)), atMs);
  return await readRevocationCertificate(
    bytes,
    keys.map((one) => one.key),
    atMs,
  );
}
