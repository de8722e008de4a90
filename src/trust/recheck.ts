import { TrustError } from "./errors.ts";
import { hashPolicies } from "./hash-policies.ts";
import { hashLayerFiles, KEYS_DIR, readLayerFiles } from "./layers.ts";
import type { RecheckHost, RecheckInput } from "./recheck-input.ts";
import { readRecords, type VerificationRecord, writeRecord } from "./records.ts";

/**
 * Holds a stored image against today's keys and policy; run at every start. When neither they nor any expiry changed
 * anything since the record was written this costs a few small reads; else the whole decision is made again and the
 * record refreshed.
 * @throws {TrustError} any refusal, "trust/no-record" when the name was never verified for this digest.
 */
export async function recheck(host: RecheckHost, input: RecheckInput): Promise<VerificationRecord> {
  const record = readRecords(host.store, input.manifestDigest).find((one) => one.name === input.name);
  if (record === undefined && !input.insecure) throw noRecord(input);
  if (record !== undefined && isCurrent(host, record, input.docker)) return record;
  const { redecide } = await import("./redecide.ts");
  const fresh = await redecide(host, { ...input, record });
  writeRecord(host.store, fresh);
  return fresh;
}

/** Records let pass by an option or exception are always decided again: the option counts only for its own command. */
function isCurrent(host: RecheckHost, record: VerificationRecord, docker: string | undefined): boolean {
  if (record.acceptedBy.some((one) => one.kind !== "key" && one.kind !== "identity")) return false;
  if (record.image?.transport === "docker" && docker !== undefined && record.image.docker !== docker) return false;
  const nowMs = host.clock.nowMs();
  if (nowMs < Date.parse(record.verifiedAt)) return false;
  if (record.validUntil !== undefined && !(nowMs < Date.parse(record.validUntil))) return false;
  const keyringHash = hashLayerFiles(host.layers.flatMap((layer) => readLayerFiles(layer, KEYS_DIR)));
  return keyringHash === record.keyringHash && hashPolicies(host) === record.policyHash;
}

function noRecord(input: RecheckInput): TrustError {
  return new TrustError(
    "trust/no-record",
    `Cannot start image "${input.name}": ${input.manifestDigest} was never verified under this name`,
    {
      hint: `verify it: gantry fetch ${input.name}`,
    },
  );
}
