import { type ContainersHost, listContainersFiles } from "./containers/open-containers-policy.ts";
import { hashLayerFiles, type TrustLayer } from "./layers.ts";
import { readPolicyFiles } from "./open-policy.ts";

/**
 * One hash over every file that policies consist of: `policy.d`, trust roots, `policy.json`, each key file it names, and
 * `registries.d`. Equal hash means that nothing changed. Parses no policy.
 */
export function hashPolicies(config: {
  readonly layers: readonly TrustLayer[];
  readonly containers?: ContainersHost;
}): string {
  const foreign = config.containers === undefined ? [] : listContainersFiles(config.containers);
  return hashLayerFiles([...readPolicyFiles(config.layers), ...foreign]);
}
