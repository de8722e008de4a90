import { formatTimestamp } from "../base/clock.ts";
import { EngineError } from "../base/errors.ts";
import { formatRequirement } from "../trust/explain-refusal.ts";
import { openKeyring } from "../trust/keyring.ts";
import { KEYS_DIR, POLICY_DIR, readLayerFiles } from "../trust/layers.ts";
import { openPolicy } from "../trust/open-policy.ts";
import { formatScope } from "../trust/scope.ts";
import type { EngineContext } from "./context.ts";
import { loadAllNetworks } from "./load-pod-networks.ts";
import { pluginDirsOf } from "./plugin-host.ts";
import { containersHost, trustLayers } from "./trust-layers.ts";
import { openUserPath } from "./user-path.ts";

/** JSON shape of `config`: what counts after all layers, flags and environment. Holds no secret. */
export interface EffectiveConfig {
  readonly directories: { readonly root: string; readonly run: string; readonly config: readonly string[] };
  readonly insecureOptions: readonly string[];
  readonly caFiles: readonly string[];
  /** Weakest first. */
  readonly layers: readonly {
    readonly name: string;
    readonly path: string;
    readonly keys: readonly string[];
    readonly policies: readonly string[];
    readonly networks: readonly string[];
  }[];
  readonly trust: TrustSummary;
  /** The files of the containers tools that are obeyed; an absent or empty `policy.json` demands nothing. */
  readonly containers: { readonly policy: string; readonly policyPresent: boolean; readonly registriesDir: string };
  readonly networks: {
    readonly pluginDirs: readonly string[];
    readonly known: readonly { readonly name: string; readonly from: string }[];
    readonly broken: readonly string[];
  };
  /** Files looked at for registry credentials, in order. */
  readonly authFiles: readonly { readonly path: string; readonly present: boolean }[];
}

/** Keys, rules and exceptions in force, or why they cannot be read. */
export interface TrustSummary {
  readonly keys: number;
  readonly revoked: number;
  readonly rules: readonly { readonly scope: string; readonly require: string }[];
  readonly exceptions: readonly { readonly scope: string; readonly reason: string; readonly expires: string }[];
  readonly problem?: string;
}

/** `config`: merges everything that is configured, and names every file it comes from. Damaged parts show as problems. */
export async function effectiveConfig(ctx: EngineContext): Promise<EffectiveConfig> {
  const { options } = ctx;
  return {
    directories: { root: ctx.root.root, run: ctx.run.root, config: ctx.config.map((files) => files.root) },
    insecureOptions: [...options.insecureOptions].sort(),
    caFiles: options.caFiles,
    layers: trustLayers(ctx).map((layer) => ({
      name: layer.name,
      path: layer.files.root,
      keys: readLayerFiles(layer, KEYS_DIR).map((file) => file.rel),
      policies: readLayerFiles(layer, POLICY_DIR).map((file) => file.rel),
      networks: layer.files.list("net.d").map((name) => `net.d/${name}`),
    })),
    trust: summariseTrust(ctx),
    containers: summariseContainers(ctx),
    networks: summariseNetworks(ctx),
    authFiles: authFilesOf(ctx),
  };
}

function summariseTrust(ctx: EngineContext): TrustSummary {
  const layers = trustLayers(ctx);
  try {
    const keyring = openKeyring(layers);
    const { rules, exceptions } = openPolicy(layers);
    return {
      keys: keyring.entries.filter((entry) => !entry.masked).length,
      revoked: keyring.revocations.size,
      rules: rules.map(({ scope, require }) => ({
        scope: formatScope(scope),
        require: require.kind === "reject" ? "reject" : formatRequirement(require),
      })),
      exceptions: exceptions.map((one) => ({
        scope: formatScope(one.scope),
        reason: one.reason,
        expires: formatTimestamp(one.expiresAtMs),
      })),
    };
  } catch (reason) {
    // Shown instead of thrown: this is where people look to find out what is wrong.
    if (reason instanceof EngineError)
      return { keys: 0, revoked: 0, rules: [], exceptions: [], problem: reason.message };
    throw reason;
  }
}

function summariseContainers(ctx: EngineContext): EffectiveConfig["containers"] {
  const { policyPath, registriesDir } = containersHost(ctx);
  const size = ctx.host.statFollowing(policyPath.slice(1))?.sizeBytes ?? 0;
  return { policy: policyPath, policyPresent: size > 0, registriesDir };
}

function summariseNetworks(ctx: EngineContext): EffectiveConfig["networks"] {
  const networks = loadAllNetworks(ctx);
  return {
    pluginDirs: pluginDirsOf(ctx).map((dir) => dir.root),
    known: [...networks.byName.values()].map(({ name, source }) => ({ name, from: source })),
    broken: networks.problems.map(({ error }) => error.message),
  };
}

// The order of the lookup in transport; with a file named by the user no other is read.
function authFilesOf({ options, env }: EngineContext): EffectiveConfig["authFiles"] {
  const named = options.authFile ?? (env["REGISTRY_AUTH_FILE"] === "" ? undefined : env["REGISTRY_AUTH_FILE"]);
  const usual = [
    [env["XDG_RUNTIME_DIR"], "containers/auth.json"],
    [env["XDG_CONFIG_HOME"], "containers/auth.json"],
    [env["HOME"], ".config/containers/auth.json"],
    [env["DOCKER_CONFIG"], "config.json"],
    [env["HOME"], ".docker/config.json"],
  ].flatMap(([dir, name]) => (dir === undefined || dir === "" ? [] : [`${dir}/${name}`]));
  return (named === undefined ? usual : [named]).map((text) => {
    const { directory, name, path } = openUserPath(text);
    return { path, present: directory.has(name) };
  });
}
