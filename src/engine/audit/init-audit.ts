import { readAnchorState } from "../../audit/anchor/anchor-state.ts";
import { readIndex } from "../../audit/anchor/extend.ts";
import { openTpm, type TpmPlace } from "../../audit/anchor/find-tpm.ts";
import { AK_HANDLE } from "../../audit/anchor/nv-policy.ts";
import { provisionIndex } from "../../audit/anchor/provision-index.ts";
import { AuditError } from "../../audit/errors.ts";
import type { AnchorFacts } from "../../audit/events.ts";
import { ensureLogKey } from "../../audit/log/log-key.ts";
import { withLog } from "../../audit/log/open-log.ts";
import { publishCheckpoint } from "../../audit/log/publish.ts";
import { sha256Hex } from "../../audit/merkle/hash.ts";
import { formatVkey } from "../../audit/note/note-keys.ts";
import type { AuditIdentity, AuditInitInput } from "../audit-calls.ts";
import type { EngineContext } from "../context.ts";
import { type AuditParts, auditParts } from "./audit-parts.ts";
import { ensureAttestationKey, readEndorsementKey, TpmTools } from "./tpm-tools.ts";

/**
 * `audit init`: the log's key and, unless policy says "off", keys and index in the TPM. Repeating it changes nothing;
 * with `force` a new index begins, which the log tells.
 * @throws {AuditError} "audit/no-tpm", "audit/tpm-refused", "audit/tampered" when an index of unknown origin is there
 */
export async function initAudit(ctx: EngineContext, input: AuditInitInput): Promise<AuditIdentity> {
  const parts = auditParts(ctx);
  const signer = ensureLogKey(ctx.root, parts.hostname);
  const vkey = formatVkey(signer);
  if (parts.settings.anchor === "off" || (parts.place === undefined && parts.settings.anchor === "preferred"))
    return { vkey };
  const { place } = parts;
  if (place === undefined) openTpm(place, parts.settings);
  const anchor =
    intactAnchor(parts, input.force) ?? (await makeAnchor(ctx, { parts, place: place as TpmPlace, input }));
  withLog(parts.log, (log) => publishCheckpoint(parts.log.files, log, signer), { sync: true });
  return { vkey, anchor };
}

/** The anchor that is there already and belongs to this log; undefined when one is to be made. */
function intactAnchor({ log, place, settings }: AuditParts, force: boolean): AnchorFacts | undefined {
  if (force) return undefined;
  using tpm = openTpm(place, settings);
  const index = readIndex(tpm);
  const known = readAnchorState(log.files);
  if (index === undefined && known === undefined) return undefined;
  if (known !== undefined && index?.name === known.facts.nvName) return known.facts;
  throw new AuditError(
    "audit/tampered",
    `Cannot set up the anchor: ${index === undefined ? "the log names an index that is not in this TPM" : "the TPM has an index that this log does not know"}`,
    {
      hint: "look first: gantry audit check; then begin a new index: gantry audit init --force",
    },
  );
}

async function makeAnchor(
  ctx: EngineContext,
  { parts, place, input }: { readonly parts: AuditParts; readonly place: TpmPlace; readonly input: AuditInitInput },
): Promise<AnchorFacts> {
  using tools = new TpmTools(ctx, place);
  await ensureAttestationKey(tools, input.ownerAuth);
  const ek = await readEndorsementKey(tools);
  using tpm = openTpm(place, parts.settings);
  const akName = Buffer.from(tpm.keyName(AK_HANDLE) ?? new Uint8Array(0)).toString("hex");
  const { ownerAuth } = input;
  return provisionIndex(tpm, parts.log, {
    ownerAuth,
    akName,
    ekHash: sha256Hex(ek.publicKey),
    hostname: parts.hostname,
  });
}
