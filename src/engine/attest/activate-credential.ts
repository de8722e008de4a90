import type { IdentityAnswer } from "../../attest/protocol.ts";
import { readAnchorState } from "../../audit/anchor/anchor-state.ts";
import { openTpm } from "../../audit/anchor/find-tpm.ts";
import { AK_HANDLE } from "../../audit/anchor/nv-policy.ts";
import { AuditError } from "../../audit/errors.ts";
import { ensureLogKey } from "../../audit/log/log-key.ts";
import { formatVkey } from "../../audit/note/note-keys.ts";
import { auditParts } from "../audit/audit-parts.ts";
import { encodeEk } from "../audit/quote-audit.ts";
import { AK_CONTEXT, readEndorsementKey, TpmTools } from "../audit/tpm-tools.ts";
import type { EngineContext } from "../context.ts";

const MAX_FILE_BYTES = 4096;

/**
 * Who this host is: the log's key and the keys of its TPM. The attestation key is left out when there is none.
 * @throws {AuditError} "audit/no-tpm", "audit/tpm-refused"
 */
export async function readIdentity(ctx: EngineContext): Promise<IdentityAnswer> {
  const { tools, vkey, hasKey, facts } = openTools(ctx);
  using _ = tools;
  const ek = encodeEk(await readEndorsementKey(tools));
  const anchor = facts === undefined ? {} : { anchor: { nvName: facts.nvName, counter: facts.counter } };
  if (!hasKey) return { vkey, ek, ...anchor };
  await tools.run("tpm2_readpublic", "-c", AK_CONTEXT, "-f", "tss", "-o", "ak.pub");
  await tools.flush();
  return { vkey, ek, ...anchor, ak: Buffer.from(tools.dir.readBytes("ak.pub", MAX_FILE_BYTES)).toString("base64") };
}

/**
 * TPM2_ActivateCredential: opens a secret that was closed for this endorsement key and this attestation key together.
 * Returns it in hexadecimal.
 * @throws {AuditError} "audit/tpm-refused" when it was closed for others
 */
export async function activateCredential(ctx: EngineContext, credential: Uint8Array): Promise<string> {
  const { tools } = openTools(ctx);
  using _ = tools;
  await readEndorsementKey(tools);
  tools.dir.writePlain("credential", credential, 0o600);
  try {
    await tools.run("tpm2_startauthsession", "--policy-session", "-S", "session.ctx");
    await tools.run("tpm2_policysecret", "-S", "session.ctx", "-c", "e");
    const keys = ["-c", AK_CONTEXT, "-C", "ek.ctx", "-P", "session:session.ctx"];
    await tools.run("tpm2_activatecredential", ...keys, "-i", "credential", "-o", "secret");
  } finally {
    await tools.attempt("tpm2_flushcontext", "session.ctx");
    await tools.flush();
  }
  return Buffer.from(tools.dir.readBytes("secret", MAX_FILE_BYTES)).toString("hex");
}

function openTools(ctx: EngineContext) {
  const { place, settings, hostname, log } = auditParts(ctx);
  if (place === undefined) {
    throw new AuditError("audit/no-tpm", "Cannot attest: this host has no TPM", {
      hint: "switch it on in the firmware, or name it in audit.json",
    });
  }
  using tpm = openTpm(place, settings);
  const hasKey = tpm.keyName(AK_HANDLE) !== undefined;
  const vkey = formatVkey(ensureLogKey(ctx.root, hostname));
  return { tools: new TpmTools(ctx, place), hasKey, vkey, facts: readAnchorState(log.files)?.facts };
}
