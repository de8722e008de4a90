import { loadNetworks, type Networks } from "../network/load-networks.ts";
import type { EngineContext } from "./context.ts";

/** Every network of every configuration directory (`net.d`), over the built-in one. Never throws for a bad file: see `problems`. */
export function loadAllNetworks(ctx: Pick<EngineContext, "config" | "proc">): Networks {
  return loadNetworks({ layers: ctx.config.map((files) => files.sub("net.d")), proc: ctx.proc });
}
