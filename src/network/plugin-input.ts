import type { CniVersion } from "./cni-version.ts";
import type { NetworkConfig, PluginConfig } from "./config.ts";
import { decodeJson, type JsonObject } from "./decode-json.ts";

/** Values for capabilities (`portMappings`, `ips`, `mac`, `bandwidth`, `dns`, `aliases`, …), by capability name. */
export type CapabilityArgs = Readonly<Record<string, unknown>>;

/** What a plugin gets beyond its own configuration. */
export interface PluginInputExtras {
  readonly capabilityArgs?: CapabilityArgs;
  /** Raw answer of the plugin before it, or the cached answer of ADD. */
  readonly prevResult?: string | undefined;
  /** Still living attachments, for GC. */
  readonly validAttachments?: readonly { readonly containerId: string; readonly ifName: string }[];
}

/**
 * Standard input of one plugin: its object as written, with the network's name and version, and those run-time values the
 * plugin declares to understand. `capabilities` itself is for the runtime and left out.
 * Spec: CNI 1.1.0, "Deriving execution configuration from plugin configuration".
 */
export function planPluginInput(
  network: { readonly name: string; readonly cniVersion: CniVersion },
  plugin: PluginConfig,
  extras: PluginInputExtras = {},
): JsonObject {
  const { capabilities: _declared, cniVersions: _offered, ...own } = plugin.fields;
  const runtimeConfig = Object.fromEntries(
    Object.entries(extras.capabilityArgs ?? {}).filter(([name]) => plugin.capabilities.has(name)),
  );
  return {
    ...own,
    name: network.name,
    cniVersion: network.cniVersion,
    ...(Object.keys(runtimeConfig).length > 0 && { runtimeConfig }),
    ...(extras.prevResult !== undefined && { prevResult: decodeJson(extras.prevResult) }),
    ...(extras.validAttachments && {
      "cni.dev/valid-attachments": extras.validAttachments.map(({ containerId, ifName }) => ({
        containerID: containerId,
        ifname: ifName,
      })),
    }),
  };
}

/** True when any plugin of the chain declares to understand `capability`. */
export function hasCapability(network: NetworkConfig, capability: string): boolean {
  return network.plugins.some((plugin) => plugin.capabilities.has(capability));
}
