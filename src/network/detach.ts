import type { Files } from "../sys/host.ts";
import { type AttachmentRecord, readRecord, recordedConfig, removeRecord } from "./attachment-record.ts";
import { isAtLeast } from "./cni-version.ts";
import type { NetworkConfig } from "./config.ts";
import { NetworkError } from "./errors.ts";
import { invokePlugin, type PluginHost } from "./invoke.ts";
import { planPluginInput } from "./plugin-input.ts";

/** Plugins, and the directory of the pod whose attachments are meant. */
export interface AttachmentHost extends PluginHost {
  readonly files: Files;
}

/**
 * Takes the pod off the network behind `ifName`: DEL for the whole chain, in reverse, with the cached answer of ADD. Every
 * plugin gets its turn even when one fails; the record goes only when all succeeded, so the next call tries again. Without a
 * record it does nothing. Keep the network namespace until this returned: the bridge plugin takes down its masquerade rules
 * only while it can still read the addresses in there.
 * @throws {NetworkError} "network/plugin-failed", "network/plugin-missing" (the first failure; all in `data.failures`)
 */
export async function detachNetwork(
  host: AttachmentHost,
  ifName: string,
  options?: { readonly signal?: AbortSignal },
): Promise<void> {
  const record = readRecord(host.files, ifName);
  if (record === undefined) return;
  const failures = await deleteChain(
    host,
    { record, config: recordedConfig(record), prevResult: record.result },
    options,
  );
  const [first] = failures;
  if (first === undefined) return removeRecord(host.files, ifName);
  throw new NetworkError(first.code, first.message, {
    hint: first.hint ?? "run gantry gc to try again",
    data: { ...first.data, failures: failures.map((one) => one.message) },
    cause: first,
  });
}

/** What DEL of a chain needs. */
export interface ChainDeletion {
  readonly record: AttachmentRecord;
  readonly config: NetworkConfig;
  /** Last answer known, also of half a chain. */
  readonly prevResult: string | undefined;
}

/** DEL for each plugin in reverse; returns what failed. Spec: CNI 1.1.0, "Deleting an attachment". */
export async function deleteChain(
  host: PluginHost,
  chain: ChainDeletion,
  options?: { readonly signal?: AbortSignal },
): Promise<NetworkError[]> {
  const { record, config } = chain;
  const failures: NetworkError[] = [];
  const prevResult = isAtLeast(config.cniVersion, "0.4.0") ? chain.prevResult : undefined;
  for (const plugin of config.plugins.toReversed()) {
    const input = planPluginInput(config, plugin, { capabilityArgs: record.capabilityArgs, prevResult });
    try {
      await invokePlugin(
        host,
        { command: "DEL", type: plugin.type, network: config.name, input, attachment: record },
        options,
      );
    } catch (reason) {
      if (!(reason instanceof NetworkError)) throw reason;
      failures.push(reason);
    }
  }
  return failures;
}
