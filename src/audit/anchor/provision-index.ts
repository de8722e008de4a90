import { AuditError } from "../errors.ts";
import type { AnchorFacts } from "../events.ts";
import { type LogHost, withLog } from "../log/open-log.ts";
import { ANCHOR_LOCK_FILE, writeAnchorState } from "./anchor-state.ts";
import { counterBytes, extendIndex, readCounter, readIndex } from "./extend.ts";
import {
  COUNTER_ATTRIBUTES,
  COUNTER_INDEX,
  extendValue,
  NV_ATTRIBUTES,
  NV_INDEX,
  nvNameOf,
  planWritePolicy,
} from "./nv-policy.ts";
import type { Tpm } from "./tpm.ts";
import { NV } from "./tpm-codes.ts";

/** What a new anchor is made of. */
export interface ProvisionInput {
  /** Password of the owner hierarchy; empty unless somebody set one. */
  readonly ownerAuth: string;
  readonly akName: string;
  readonly ekHash: string;
  readonly hostname: string;
}

/**
 * Makes a new index, whose first extension is the record of its own making, and closes it against being made again.
 * An index of ours that is there already goes: the caller has decided that.
 */
export function provisionIndex(tpm: Tpm, log: LogHost, input: ProvisionInput): AnchorFacts {
  using _lock = log.files.lock(ANCHOR_LOCK_FILE, { kind: "exclusive", wait: true });
  if (readIndex(tpm) !== undefined) tpm.nvUndefine(NV_INDEX, input.ownerAuth);
  const counter = nextCounter(tpm, input.ownerAuth);
  const { digest: policy } = planWritePolicy(counterBytes(counter));
  const area = { index: NV_INDEX, attributes: NV_ATTRIBUTES, policy, sizeBytes: 32 };
  tpm.nvDefine(area, input.ownerAuth);
  const name = nvNameOf({ ...area, attributes: NV_ATTRIBUTES | NV.WRITTEN });
  const facts: AnchorFacts = {
    nvIndex: NV_INDEX,
    nvName: Buffer.from(name).toString("hex"),
    counterIndex: COUNTER_INDEX,
    counter,
    akName: input.akName,
    ekHash: input.ekHash,
    hostname: input.hostname,
    ...tpm.readClock(),
  };
  const { digest, recnum } = withLog(log, (appender) => appendBirth(log, facts, appender), { sync: true });
  extendIndex(tpm, digest, { isFirst: true, counter });
  tpm.nvIncrement(COUNTER_INDEX); // from here on nobody can write an index of this name for the first time
  const value = Buffer.from(extendValue(new Uint8Array(32), Buffer.from(digest, "hex"))).toString("hex");
  const index = readIndex(tpm);
  if (index?.name !== facts.nvName || index.value !== value) {
    throw new AuditError(
      "audit/tpm-refused",
      `Cannot use TPM "${tpm.path}": the new index is not as it was asked for`,
      {
        hint: "see what the TPM made of it: tpm2_nvreadpublic",
        data: { name: index?.name, expected: facts.nvName },
      },
    );
  }
  writeAnchorState(log.files, { facts, value, size: recnum, bootId: log.bootId });
  return facts;
}

function appendBirth(log: LogHost, facts: AnchorFacts, appender: Parameters<Parameters<typeof withLog>[1]>[0]) {
  const { size, root } = appender.head;
  const birth = { type: "audit.initialised", anchor: facts, size, root: Buffer.from(root).toString("hex") } as const;
  return appender.append(log.stamp(birth), NV_INDEX);
}

/** A value that the counter never had before, in the life of this TPM: also one made again continues above the old. */
function nextCounter(tpm: Tpm, ownerAuth: string): number {
  if (tpm.nvReadPublic(COUNTER_INDEX) === undefined) {
    const policy = new Uint8Array(0);
    tpm.nvDefine({ index: COUNTER_INDEX, attributes: COUNTER_ATTRIBUTES, policy, sizeBytes: 8 }, ownerAuth);
  }
  tpm.nvIncrement(COUNTER_INDEX);
  return readCounter(tpm) ?? 0;
}
