import { ANCHOR_LOCK_FILE, readAnchorState } from "../../audit/anchor/anchor-state.ts";
import { readCounter, readIndex } from "../../audit/anchor/extend.ts";
import { openTpm } from "../../audit/anchor/find-tpm.ts";
import { AK_HANDLE } from "../../audit/anchor/nv-policy.ts";
import type { AnchorReading } from "../../audit/check/check-anchor.ts";
import { AuditError } from "../../audit/errors.ts";
import { sha256Hex } from "../../audit/merkle/hash.ts";
import { SysError } from "../../sys/errors.ts";
import type { Files, Lock } from "../../sys/host.ts";
import type { EngineContext } from "../context.ts";
import type { AuditParts } from "./audit-parts.ts";
import { readEndorsementKey, TpmTools } from "./tpm-tools.ts";

/** What the TPM says now. No TPM, or one that does not answer, is an answer too. */
export async function readAnchorNow(ctx: EngineContext, parts: AuditParts): Promise<AnchorReading> {
  try {
    const reading = readDirectly(parts);
    const isOurs = reading.akName === readAnchorState(parts.log.files)?.facts.akName && reading.akName !== undefined;
    return isOurs ? reading : { ...reading, ekHash: await readEkHash(ctx, parts) };
  } catch (reason) {
    if (reason instanceof AuditError) return { kind: "unavailable", reason: reason.message };
    throw reason;
  }
}

function readDirectly({ place, settings, log }: AuditParts): AnchorReading & { readonly kind: "read" } {
  using tpm = openTpm(place, settings);
  // Not between append and extend of another command, where that is possible: on a read-only disk nobody appends.
  using _lock = tryLock(log.files);
  const ak = tpm.keyName(AK_HANDLE);
  return {
    kind: "read",
    index: readIndex(tpm),
    counter: readCounter(tpm),
    akName: ak === undefined ? undefined : Buffer.from(ak).toString("hex"),
    clock: tpm.readClock(),
    ekHash: undefined,
  };
}

function tryLock(files: Files): Lock | undefined {
  try {
    return files.lock(ANCHOR_LOCK_FILE, { kind: "exclusive", wait: true });
  } catch (reason) {
    if (reason instanceof SysError) return undefined;
    throw reason;
  }
}

// Only to tell a cleared TPM from another one; without the tools it stays open which of the two it is.
async function readEkHash(ctx: EngineContext, { place }: AuditParts): Promise<string | undefined> {
  if (place === undefined) return undefined;
  try {
    using tools = new TpmTools(ctx, place);
    return sha256Hex((await readEndorsementKey(tools)).publicKey);
  } catch (reason) {
    if (reason instanceof AuditError || reason instanceof SysError) return undefined;
    throw reason;
  }
}
