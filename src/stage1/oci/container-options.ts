import type { PodApp } from "../../pod/manifest.ts";
import type { LaunchInput } from "../../pod/stage1-contract.ts";
import { ALL_KERNEL_PATHS } from "../kernel-paths.ts";
import { settableUlimits } from "../ulimits.ts";
import { findCdiDevices } from "./cdi/find-cdi.ts";
import type { CdiEdits } from "./cdi/parse-cdi.ts";
import { type PlannedDevice, planCdiNodes, planDevices } from "./devices.ts";
import { HOOK_STAGES, type HookProgram, type HookStage, type HooksByStage, loadHooks } from "./hooks/load-hooks.ts";
import { planSecurity } from "./security.ts";

type Json = Readonly<Record<string, unknown>>;

/** What options and the host add to the configuration of one app. */
export interface ContainerOptions {
  readonly rlimits: readonly Json[];
  readonly devices: readonly PlannedDevice[];
  readonly mounts: readonly Json[];
  readonly env: readonly string[];
  readonly gids: readonly number[];
  readonly hooks: HooksByStage;
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly sysctl: Readonly<Record<string, string>>;
  /** Members of `process` and of `linux` that say how the app is confined besides the usual. */
  readonly process: Json;
  readonly linux: Json;
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * Looks up what the options of an app and its pod mean on this host. @throws {Stage1Error} "stage1/no-device",
 * "stage1/bad-cdi", "stage1/bad-hook", "stage1/unsupported-host"; {PodError} for the seccomp profile
 */
export function collectOptions(input: LaunchInput, app: PodApp): ContainerOptions {
  const { manifest, note } = input;
  const cdi = findCdiDevices(app.cdiDevices ?? [], manifest.cdiSpecDirs);
  const annotations = { ...manifest.labels, "dev.gantry/pod": manifest.uuid, "dev.gantry/app": app.name };
  const hooks = loadHooks(
    {
      annotations,
      command: app.argv[0] ?? "",
      hasBindMounts: app.mounts.some(({ volume }) =>
        manifest.volumes.some(({ name, kind }) => name === volume && kind === "host"),
      ),
    },
    manifest.hooksDirs,
  );
  const confinement = planSecurity(input, app);
  return {
    rlimits: settableUlimits(app.ulimits ?? [], { app: app.name, note }).map(({ name, soft, hard }) => ({
      type: `RLIMIT_${name.toUpperCase()}`,
      soft,
      hard,
    })),
    devices: [...planDevices(app.devices ?? []), ...planCdiNodes(cdi.deviceNodes)],
    mounts: cdi.mounts.map(({ hostPath, containerPath, type = "bind", options }) => ({
      destination: containerPath,
      type,
      source: hostPath,
      options: options.length > 0 ? options : ["rbind", "nosuid", "nodev"],
    })),
    env: cdi.env,
    gids: cdi.additionalGids,
    hooks: withCdiHooks(hooks, cdi),
    ...planPaths(app),
    sysctl: manifest.sysctls ?? {},
    ...confinement,
    linux: { ...confinement.linux, ...planPropagation(app) },
    annotations,
  };
}

/** What the runtime does to all mounts of the container must not undo what a volume was asked to have. */
function planPropagation({ mounts }: PodApp): Json {
  const asked = mounts.flatMap(({ propagation }) => propagation ?? []);
  if (asked.some((one) => one.endsWith("shared"))) return { rootfsPropagation: "shared" };
  return asked.some((one) => one.endsWith("slave")) ? { rootfsPropagation: "slave" } : {};
}

function planPaths({ security }: PodApp): Pick<ContainerOptions, "maskedPaths" | "readonlyPaths"> {
  const { mask = [], unmask = [] } = security ?? {};
  const isShown = (path: string) => unmask.some((one) => one === "ALL" || path === one || path.startsWith(`${one}/`));
  return {
    maskedPaths: [...new Set([...ALL_KERNEL_PATHS.masked.filter((path) => !isShown(path)), ...mask])],
    // All of /sys is mounted read-only.
    readonlyPaths: ALL_KERNEL_PATHS.readOnly.filter((path) => path !== "/sys" && !isShown(path)),
  };
}

function withCdiHooks(hooks: HooksByStage, { hooks: added }: CdiEdits): HooksByStage {
  const joined: Partial<Record<HookStage, readonly HookProgram[]>> = { ...hooks };
  for (const { hookName, path, args, env, timeout } of added) {
    const stage = HOOK_STAGES.find((one) => one === hookName);
    if (stage === undefined) continue; // refused when it was read
    const program = {
      path,
      ...(args.length === 0 ? {} : { args }),
      ...(env.length === 0 ? {} : { env }),
      ...(timeout === undefined ? {} : { timeout }),
    };
    joined[stage] = [...(joined[stage] ?? []), program];
  }
  return joined;
}
