import { listNetworks as surveyNetworks } from "../network/survey.ts";
import type { EngineContext } from "./context.ts";
import type { NetworkSummary } from "./engine-calls.ts";
import { loadAllNetworks } from "./load-pod-networks.ts";
import { pluginDirsOf } from "./plugin-host.ts";

/** `net list`: networks a pod may join, without running a plugin. Files that cannot be read are named on stderr. */
export async function listNetworks(ctx: EngineContext): Promise<readonly NetworkSummary[]> {
  const networks = loadAllNetworks(ctx);
  for (const { error } of networks.problems) ctx.options.note(`${error.message}; see: gantry net check`);
  return surveyNetworks({ pluginDirs: pluginDirsOf(ctx) }, networks).map((network) => ({
    name: network.name,
    plugins: network.plugins.map(({ type }) => type),
    cniVersion: network.cniVersion,
    from: network.source === "built-in" ? "built in" : network.source,
  }));
}
