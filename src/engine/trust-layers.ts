import type { Files } from "../sys/host.ts";
import type { ContainersHost } from "../trust/containers/open-containers-policy.ts";
import { TrustError } from "../trust/errors.ts";
import type { TrustLayer } from "../trust/layers.ts";
import type { TrustConfig } from "../trust/trust.ts";
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

/** Weakest configuration directory whose files outrank those in `/etc/containers`: the vendor's do not. */
const FIRST_ADMIN = 1;

/**
 * Everything that decides: the layers, and `policy.json` and `registries.d` of the containers tools. Those are
 * `containers-policy.json` and `registries.d` of the strongest configuration directory that has them (but the vendor's),
 * else the ones in `/etc/containers`.
 */
export function trustConfig(ctx: Pick<EngineContext, "root" | "config" | "host">): TrustConfig {
  return { layers: trustLayers(ctx), containers: containersHost(ctx) };
}

/** The files of the containers tools in force. */
export function containersHost(ctx: Pick<EngineContext, "config" | "host">): ContainersHost {
  return {
    files: ctx.host,
    policyPath: containersPath(ctx, { own: "containers-policy.json", usual: "policy.json" }),
    registriesDir: registriesDir(ctx),
  };
}

/** The `registries.d` in force, absolute: places of simple signatures beside registries. */
export function registriesDir(ctx: Pick<EngineContext, "config">): string {
  return containersPath(ctx, { own: "registries.d", usual: "registries.d" });
}

function containersPath(
  ctx: Pick<EngineContext, "config">,
  name: { readonly own: string; readonly usual: string },
): string {
  const own = ctx.config.slice(FIRST_ADMIN).findLast((files) => files.has(name.own));
  return own?.path(name.own) ?? `/etc/containers/${name.usual}`;
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
