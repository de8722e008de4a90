import type { Files } from "../sys/host.ts";
import { TrustError } from "../trust/errors.ts";
import type { TrustLayer } from "../trust/layers.ts";
import type { EngineContext } from "./context.ts";

const LAYER_NAMES = ["vendor", "admin", "config"];

/**
 * Where trust is read from, lowest first: keys this host made for itself (`<root>/host-trust`), then one layer per
 * configuration directory. Every layer may mask or override those before it, so an administrator outranks the host.
 */
export function trustLayers(ctx: Pick<EngineContext, "root" | "config">): TrustLayer[] {
  const configured = ctx.config.map((files, at) => ({ name: LAYER_NAMES[at] ?? `config-${at}`, files }));
  return [{ name: "host", files: ctx.root.sub("host-trust") }, ...configured];
}

/**
 * The directory that `trust add|remove|revoke` write to: the strongest configuration directory.
 * @throws {TrustError} "trust/not-found" when there is none.
 */
export function adminFiles(ctx: Pick<EngineContext, "config">): Files {
  const files = ctx.config.at(-1);
  if (files !== undefined) return files;
  throw new TrustError("trust/not-found", "Cannot change trusted keys: there is no configuration directory", {
    hint: "name one with --config DIR",
  });
}
