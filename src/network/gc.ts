import { isAtLeast } from "./cni-version.ts";
import type { NetworkConfig } from "./config.ts";
import { NetworkError } from "./errors.ts";
import { invokePlugin, type PluginHost } from "./invoke.ts";
import { planPluginInput } from "./plugin-input.ts";

/** Networks to clean and the attachments that still live, of all pods. */
export interface NetworkGcInput {
  readonly networks: readonly NetworkConfig[];
  readonly validAttachments: readonly {
    readonly network: string;
    readonly containerId: string;
    readonly ifName: string;
  }[];
}

/**
 * Lets every plugin of networks ≥ 1.1.0 free what belongs to no living attachment. All networks are cleaned whatever fails;
 * the failures come back. Stale records themselves are the business of `detachAll`.
 * Spec: CNI 1.1.0, "GC: Clean up any stale resources".
 */
export async function gcNetworks(
  host: PluginHost,
  input: NetworkGcInput,
  options?: { readonly signal?: AbortSignal },
): Promise<NetworkError[]> {
  const failures: NetworkError[] = [];
  for (const network of input.networks) {
    if (network.disableGC || !isAtLeast(network.cniVersion, "1.1.0")) continue;
    const validAttachments = input.validAttachments.filter((one) => one.network === network.name);
    for (const plugin of network.plugins) {
      const input = planPluginInput(network, plugin, { validAttachments });
      try {
        await invokePlugin(host, { command: "GC", type: plugin.type, network: network.name, input }, options);
      } catch (reason) {
        if (!(reason instanceof NetworkError)) throw reason;
        failures.push(reason);
      }
    }
  }
  return failures;
}
