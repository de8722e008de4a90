import { readRecord, recordedConfig } from "./attachment-record.ts";
import { isAtLeast } from "./cni-version.ts";
import type { NetworkConfig } from "./config.ts";
import type { AttachmentHost } from "./detach.ts";
import { invokePlugin, type PluginHost } from "./invoke.ts";
import { planPluginInput } from "./plugin-input.ts";

/** Whether plugins were asked, and why not. */
export type CheckOutcome = "ok" | "unsupported" | "disabled" | "not-attached";

/**
 * Asks every plugin whether the attachment behind `ifName` still is as ADD left it; stops at the first that objects.
 * @throws {NetworkError} "network/plugin-failed", "network/plugin-missing"
 * Spec: CNI 1.1.0, "Checking an attachment".
 */
export async function checkNetwork(
  host: AttachmentHost,
  ifName: string,
  options?: { readonly signal?: AbortSignal },
): Promise<CheckOutcome> {
  const record = readRecord(host.files, ifName);
  if (record?.result === undefined) return "not-attached";
  const config = recordedConfig(record);
  if (!isAtLeast(config.cniVersion, "0.4.0")) return "unsupported";
  if (config.disableCheck) return "disabled";
  for (const plugin of config.plugins) {
    const input = planPluginInput(config, plugin, { capabilityArgs: record.capabilityArgs, prevResult: record.result });
    await invokePlugin(
      host,
      { command: "CHECK", type: plugin.type, network: config.name, input, attachment: record },
      options,
    );
  }
  return "ok";
}

/**
 * Asks every plugin whether it could take an ADD now. Networks older than 1.1.0 cannot be asked.
 * @throws {NetworkError} "network/plugin-failed" (`data.cniCode` 50: not available, 51: existing pods may be cut off),
 * "network/plugin-missing"
 * Spec: CNI 1.1.0, "STATUS: Check plugin status".
 */
export async function statusNetwork(
  host: PluginHost,
  network: NetworkConfig,
  options?: { readonly signal?: AbortSignal },
): Promise<CheckOutcome> {
  if (!isAtLeast(network.cniVersion, "1.1.0")) return "unsupported";
  for (const plugin of network.plugins) {
    const input = planPluginInput(network, plugin);
    await invokePlugin(host, { command: "STATUS", type: plugin.type, network: network.name, input }, options);
  }
  return "ok";
}
