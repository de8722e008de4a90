import { EngineError } from "../base/errors.ts";
import { statusNetwork } from "./check.ts";
import type { NetworkConfig } from "./config.ts";
import { findPlugin, type PluginHost } from "./invoke.ts";
import type { Networks } from "./load-networks.ts";

/** JSON shape of each element of `net list --json`. */
export interface NetworkSummary {
  readonly name: string;
  readonly cniVersion: string;
  /** File it comes from, or `built-in`. */
  readonly source: string;
  /** Executables in the order of the chain, with those they delegate addresses to. */
  readonly plugins: readonly { readonly type: string; readonly path: string | null }[];
  readonly capabilities: readonly string[];
}

/** JSON shape of each element of `net check --json`. */
export interface NetworkHealth {
  readonly name: string;
  readonly source: string;
  /** `unknown`: everything is installed, but the network is too old to be asked. */
  readonly state: "ok" | "unknown" | "fail";
  readonly detail: string;
  /** What to do about it; present when `fail`. */
  readonly fix?: string;
}

/** Describes every readable network, sorted by name, without running a plugin. */
export function listNetworks(host: Pick<PluginHost, "pluginDirs">, networks: Networks): NetworkSummary[] {
  return [...networks.byName.values()]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((network) => ({
      name: network.name,
      cniVersion: network.cniVersion,
      source: network.source,
      plugins: pluginTypes(network).map((type) => ({ type, path: findPlugin(host.pluginDirs, type) ?? null })),
      capabilities: [...new Set(network.plugins.flatMap(({ capabilities }) => [...capabilities]))].sort(),
    }));
}

/** Examines every network and every unreadable file: are the plugins there, and do they say they are ready. */
export async function checkNetworks(
  host: PluginHost,
  networks: Networks,
  options?: { readonly signal?: AbortSignal },
): Promise<NetworkHealth[]> {
  const broken = networks.problems.map(({ network, file, error }) => failed({ name: network, source: file }, error));
  const hidden = new Set(broken.map(({ name }) => name));
  const rest = [...networks.byName.values()].filter(({ name }) => !hidden.has(name));
  const checked = await Promise.all(rest.map((network) => checkOne(host, network, options)));
  return [...broken, ...checked].sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function checkOne(
  host: PluginHost,
  network: NetworkConfig,
  options?: { readonly signal?: AbortSignal },
): Promise<NetworkHealth> {
  const { name, source } = network;
  const missing = pluginTypes(network).filter((type) => findPlugin(host.pluginDirs, type) === undefined);
  if (missing.length > 0) {
    const searched = host.pluginDirs.map((dir) => dir.root).join(", ");
    const fix = "apt install containernetworking-plugins, or put the plugins into one of these directories";
    return { name, source, state: "fail", detail: `plugins ${missing.join(", ")} are not in ${searched}`, fix };
  }
  try {
    const outcome = await statusNetwork(host, network, options);
    if (outcome === "ok") return { name, source, state: "ok", detail: "all plugins are ready" };
    return {
      name,
      source,
      state: "unknown",
      detail: `all plugins are installed; cniVersion ${network.cniVersion} has no STATUS`,
    };
  } catch (reason) {
    if (reason instanceof EngineError) return failed({ name, source }, reason);
    throw reason;
  }
}

function failed(network: { readonly name: string; readonly source: string }, error: EngineError): NetworkHealth {
  return { ...network, state: "fail", detail: error.message, fix: error.hint ?? "read the log of that plugin" };
}

function pluginTypes(network: NetworkConfig): string[] {
  return network.plugins.flatMap(({ type, ipamType }) => (ipamType === undefined ? [type] : [type, ipamType]));
}
