import type { Files } from "../sys/host.ts";
import {
  appendPlugins,
  badConfig,
  CONFIG_LIMIT_BYTES,
  decodeDocument,
  type NetworkConfig,
  parseNetworkConfig,
} from "./config.ts";
import { defaultNetwork } from "./default-network.ts";
import { NetworkError } from "./errors.ts";

/** Every network that can be joined, and the files that could not be read. */
export interface Networks {
  readonly byName: ReadonlyMap<string, NetworkConfig>;
  readonly problems: readonly NetworkProblem[];
}

/** A file that is no usable network. One bad file never hides the others. */
export interface NetworkProblem {
  readonly file: string;
  /** Network the file is about: its name member, or its file name without number and extension. */
  readonly network: string;
  readonly error: NetworkError;
}

/** Where networks come from. */
export interface NetworkSources {
  /** `net.d` directories, lowest precedence first; a missing one is empty. */
  readonly layers: readonly Files[];
  /** `/proc`, to see whether the kernel speaks IPv6. */
  readonly proc: Files;
}

/**
 * Reads all layers over the built-in default network. Within a layer files are taken in the order of their names; a later
 * layer replaces a network of the same name; twice the same name in one layer is a problem, not a choice.
 */
export function loadNetworks({ layers, proc }: NetworkSources): Networks {
  const byName = new Map<string, NetworkConfig>();
  const problems = new Map<string, NetworkProblem>();
  const builtIn = defaultNetwork({ hasIpv6: proc.has("net/if_inet6") });
  byName.set(builtIn.name, builtIn);
  for (const layer of layers) {
    const seen = loadLayer(layer);
    for (const [name, config] of seen.byName) {
      byName.set(name, config);
      problems.delete(name);
    }
    for (const problem of seen.problems) problems.set(problem.network, problem);
  }
  return { byName, problems: [...problems.values()] };
}

/**
 * The network called `name`. A broken file for that name is an error even when a lower layer has a good one: falling back
 * in silence would join a pod to a network its administrator replaced.
 * @throws {NetworkError} "network/unknown-network", "network/bad-config"
 */
export function findNetwork(networks: Networks, name: string): NetworkConfig {
  const problem = networks.problems.find((one) => one.network === name);
  if (problem !== undefined) throw problem.error;
  const config = networks.byName.get(name);
  if (config !== undefined) return config;
  const known = [...networks.byName.keys()].sort();
  throw new NetworkError(
    "network/unknown-network",
    `Cannot join network "${name}": no such network (known: ${known.join(", ")})`,
    {
      hint: `put a CNI configuration with "name": "${name}" into /etc/gantry/net.d, or use one of: ${known.join(", ")}, none, host`,
      data: { known },
    },
  );
}

function loadLayer(layer: Files): Networks {
  const byName = new Map<string, NetworkConfig>();
  const problems: NetworkProblem[] = [];
  for (const file of layer.list("")) {
    if (!/\.(conf|json|conflist)$/.test(file) || file.startsWith(".")) continue;
    try {
      const config = loadFile(layer, file);
      const other = byName.get(config.name);
      if (other !== undefined)
        throw badConfig(config.source, [{ field: "name", reason: `is taken by ${other.source}` }], config.name);
      byName.set(config.name, config);
    } catch (reason) {
      problems.push(toProblem(layer.path(file), reason));
    }
  }
  return { byName, problems };
}

function loadFile(layer: Files, file: string): NetworkConfig {
  const config = parseNetworkConfig(layer.readBytes(file, CONFIG_LIMIT_BYTES), layer.path(file));
  if (config.loadOnlyInlinedPlugins) return config;
  const folder = layer.sub(config.name);
  const names = folder.list("").filter((name) => name.endsWith(".conf"));
  const documents = names.map(
    (name) => decodeDocument(folder.readBytes(name, CONFIG_LIMIT_BYTES), folder.path(name)).root,
  );
  if (documents.length > 0) return appendPlugins(config, documents);
  if (config.plugins.length === 0)
    throw badConfig(config.source, [{ field: "plugins", reason: "is empty" }], config.name);
  return config;
}

function toProblem(file: string, reason: unknown): NetworkProblem {
  const error =
    reason instanceof NetworkError
      ? reason
      : badConfig(file, [{ field: "", reason: "cannot be read" }], undefined, reason);
  const name = error.data["name"];
  const base = file.slice(file.lastIndexOf("/") + 1);
  const stem = base.replace(/^\d+-/, "").replace(/\.[a-z]+$/, "");
  return { file, network: typeof name === "string" ? name : stem, error };
}
