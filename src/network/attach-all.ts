import { attachNetwork, type PortMapping } from "./attach.ts";
import { listRecords, readRecord } from "./attachment-record.ts";
import type { NetworkConfig } from "./config.ts";
import { type AttachmentHost, detachNetwork } from "./detach.ts";
import { NetworkError } from "./errors.ts";
import type { CapabilityArgs } from "./plugin-input.ts";
import { type HostPort, planPortMappings } from "./ports.ts";
import { type AttachmentResult, parseResult } from "./result.ts";

/** A pod and the networks it joins, in order: the first becomes eth0. */
export interface PodNetworks {
  readonly containerId: string;
  readonly netnsPath: string;
  readonly networks: readonly { readonly config: NetworkConfig; readonly args: Readonly<Record<string, string>> }[];
  readonly ports: readonly HostPort[];
  /** Values for plugins that declare them: `bandwidth`, `dns`, `aliases`, … */
  readonly capabilityArgs?: CapabilityArgs;
}

/** One joined network of a pod. */
export interface Attachment {
  readonly network: string;
  readonly ifName: string;
  readonly result: AttachmentResult;
}

/**
 * Joins all networks of a pod as eth0 … ethN, one after the other as the protocol demands. Ports are mapped by the first
 * network that can. When one network fails, those joined before are left again, last first.
 * @throws {NetworkError} those of `attachNetwork`, "network/no-port-mapping"
 */
export async function attachAll(
  host: AttachmentHost,
  pod: PodNetworks,
  options?: { readonly signal?: AbortSignal },
): Promise<Attachment[]> {
  const mapping = planPortMappings(
    pod.networks.map(({ config }) => config),
    pod.ports,
  );
  const done: Attachment[] = [];
  try {
    for (const [index, { config, args }] of pod.networks.entries()) {
      const portMappings: readonly PortMapping[] = index === mapping.networkIndex ? mapping.portMappings : [];
      const ifName = `eth${index}`;
      const { containerId, netnsPath, capabilityArgs = {} } = pod;
      const result = await attachNetwork(
        host,
        { network: config, containerId, netnsPath, ifName, args, portMappings, capabilityArgs },
        options,
      );
      done.push({ network: config.name, ifName, result });
    }
  } catch (reason) {
    throw await undoAttached(host, done, reason);
  }
  return done;
}

/**
 * Leaves every network the pod has a record of, last first. Idempotent; every attachment gets its turn whatever fails.
 * @throws {NetworkError} the first failure, all of them in `data.failures`
 */
export async function detachAll(host: AttachmentHost, options?: { readonly signal?: AbortSignal }): Promise<void> {
  const failures = await detachEach(host, listRecords(host.files).toReversed(), options);
  const [first] = failures;
  if (first === undefined) return;
  if (failures.length === 1) throw first;
  throw new NetworkError(first.code, first.message, {
    ...(first.hint === undefined ? {} : { hint: first.hint }),
    data: { ...first.data, failures: failures.map((one) => one.message) },
    cause: first,
  });
}

/** The networks a pod has joined, from its records alone; half-made attachments are left out. */
export function listAttachments(host: Pick<AttachmentHost, "files">): Attachment[] {
  return listRecords(host.files).flatMap((ifName) => {
    const record = readRecord(host.files, ifName);
    if (record?.result === undefined) return [];
    return [{ network: record.network, ifName, result: parseResult(record.result, record.network) }];
  });
}

async function undoAttached(host: AttachmentHost, done: readonly Attachment[], reason: unknown): Promise<unknown> {
  const failures = await detachEach(host, done.map(({ ifName }) => ifName).toReversed());
  if (failures.length === 0 || !(reason instanceof NetworkError)) return reason;
  const before = Array.isArray(reason.data["undoFailures"]) ? reason.data["undoFailures"] : [];
  return new NetworkError(reason.code, reason.message, {
    ...(reason.hint === undefined ? {} : { hint: reason.hint }),
    data: { ...reason.data, undoFailures: [...before, ...failures.map((one) => one.message)] },
    cause: reason,
  });
}

async function detachEach(
  host: AttachmentHost,
  ifNames: readonly string[],
  options?: { readonly signal?: AbortSignal },
): Promise<NetworkError[]> {
  const failures: NetworkError[] = [];
  for (const ifName of ifNames) {
    try {
      await detachNetwork(host, ifName, options);
    } catch (reason) {
      if (!(reason instanceof NetworkError)) throw reason;
      failures.push(reason);
    }
  }
  return failures;
}
