import type { AciApp } from "../image/aci/app.ts";
import { manifestOfLabels } from "../image/aci/config.ts";
import type { ImageConfig } from "../image/image-config.ts";
import { type AppcPlan, configWithApp, planAppc } from "./appc-app.ts";
import { planAppcMounts } from "./appc-mounts.ts";
import { planCapabilities } from "./capabilities.ts";
import { mergeEnv } from "./environment.ts";
import { PodError } from "./errors.ts";
import { expandPort } from "./from-appc-pod.ts";
import { settleOutcomes } from "./isolator-outcomes.ts";
import type { PodApp, PodImage, PodManifest } from "./manifest.ts";
import { type AppName, appNameFromImage, type PodId, parseAppName, parsePodName } from "./names.ts";
import type { AppOption, PodOption, PortOption, VolumeOption } from "./options.ts";
import { appRunOptions, podRunOptions } from "./run-options.ts";

/** An image after fetching: what the pod needs of it. */
export interface PlannedImage {
  readonly image: PodImage;
  readonly config: ImageConfig;
}

/** Facts that are not choices of the user. */
export interface PlanInput {
  readonly uuid: PodId;
  readonly createdAt: string;
  /** Same order as the options' apps. */
  readonly images: readonly PlannedImage[];
  readonly stage1: PodManifest["stage1"];
  readonly insecureOptions: readonly string[];
}

/**
 * Puts options and images together into the manifest. Pure: the same input gives the same pod.
 * @throws {PodError} "pod/bad-name", "pod/bad-option", "pod/missing-volume"
 */
export function planManifest(option: PodOption, input: PlanInput): PodManifest {
  const plans = option.apps.map((app, index) => {
    const planned = input.images[index];
    if (planned === undefined)
      throw new PodError("pod/bad-option", `Cannot plan app "${app.image}": its image was not fetched`, {
        hint: `fetch it first: gantry fetch ${app.image}`,
      });
    return planApp(app, { planned, volumes: option.volumes, regime: input.stage1.regime });
  });
  const apps = plans.map(({ app }) => app);
  const volumes = [...option.volumes, ...plans.flatMap((plan) => plan.volumes)];
  assertNamesUnique(apps.map((app) => app.name));
  assertVolumes(volumes, apps);
  const ports = [...option.ports, ...namedPorts(option, plans)];
  assertPorts({ ...option, ports });
  const name = option.name === undefined ? undefined : parsePodName(option.name);
  const hostname = option.hostname ?? (name === undefined ? `gantry-${input.uuid}` : hostnameOf(name));
  assertHostname(hostname);
  return {
    gantryKind: "pod",
    gantryVersion: "v1",
    uuid: input.uuid,
    ...(name === undefined ? {} : { name }),
    hostname,
    labels: option.labels,
    createdAt: input.createdAt,
    ...(option.autoRemove === true ? { autoRemove: true as const } : {}),
    stage1: input.stage1,
    apps,
    volumes,
    nets: option.nets,
    ports,
    dns: option.dns,
    hostsEntries: option.hostsEntries,
    insecureOptions: input.insecureOptions,
    ...podRunOptions(option),
    ...(option.appcPodManifest === undefined ? {} : { appcPodManifest: option.appcPodManifest }),
  };
}

interface AppPlan {
  readonly app: PodApp;
  /** Volumes made for mount points that nobody gave anything. */
  readonly volumes: readonly VolumeOption[];
  readonly appc: AciApp | undefined;
}

interface PlanAppInput {
  readonly planned: PlannedImage;
  readonly volumes: readonly VolumeOption[];
  readonly regime: string;
}

function planApp(option: AppOption, { planned, volumes, regime }: PlanAppInput): AppPlan {
  const appc = option.appc ?? manifestOfLabels(planned.config.labels)?.app;
  const config = option.appc === undefined ? planned.config : configWithApp(planned.config, option.appc);
  const plan = appc === undefined ? undefined : planAppc(appc, option.appc === undefined ? "image" : "user");
  const app = planPodApp(option, { image: planned.image, config, plan, regime });
  const points = appc?.mountPoints ?? [];
  const filled = planAppcMounts(app, { points, volumes });
  const handler = (name: "pre-start" | "post-stop") => appc?.eventHandlers.find((one) => one.name === name)?.exec;
  const [preStart, postStop] = [handler("pre-start"), handler("post-stop")];
  const handlers = {
    ...(preStart === undefined ? {} : { preStart }),
    ...(postStop === undefined ? {} : { postStop }),
  };
  const gids = [...new Set([...(appc?.supplementaryGids ?? []), ...app.supplementaryGids])];
  return {
    app: { ...app, ...handlers, mounts: filled.mounts, supplementaryGids: gids },
    volumes: filled.volumes,
    appc,
  };
}

function planPodApp(
  option: AppOption,
  { image, config, plan, regime }: PlannedImage & { readonly plan: AppcPlan | undefined; readonly regime: string },
): PodApp {
  return {
    name: option.name === undefined ? appNameFromImage(image.name) : parseAppName(option.name),
    image,
    argv: planArgv(option, config),
    env: mergeEnv(config.env, option.env),
    user: option.user ?? config.user,
    ...(option.group === undefined ? {} : { group: option.group }),
    supplementaryGids: option.supplementaryGids,
    workingDir: planWorkingDir(option, config),
    mounts: option.mounts,
    readOnlyRootfs: option.readOnlyRootfs,
    capabilities: planCapabilities({ add: option.capAdd, drop: option.capDrop }, plan?.capabilities),
    noNewPrivileges: option.noNewPrivileges && plan?.allowsNewPrivileges !== true,
    seccomp: plan?.unconfined === true ? "unconfined" : option.seccomp,
    ...(plan?.syscalls === undefined || hasOwnFilter(option) ? {} : { syscalls: plan.syscalls }),
    ...(plan?.oomScoreAdj === undefined ? {} : { oomScoreAdj: plan.oomScoreAdj }),
    stopSignal: config.stopSignal,
    ...(plan === undefined || plan.isolators.length === 0
      ? {}
      : { isolators: settleOutcomes(plan.isolators, { regime, ownFilter: hasOwnFilter(option) }) }),
    ...limitsOf(option, plan),
    ...appRunOptions(option),
  };
}

/** Whether the command line says what is filtered: it wins over what the image says. */
function hasOwnFilter({ seccomp, security }: AppOption): boolean {
  return seccomp === "unconfined" || security?.seccompProfile !== undefined;
}

/** `--exec` replaces the entrypoint and drops the image's cmd; arguments replace cmd. Spec: image-spec, config.md "Cmd". */
function planArgv(option: AppOption, config: ImageConfig): string[] {
  if (option.exec !== undefined) return [option.exec, ...option.args];
  return [...config.entrypoint, ...(option.args.length > 0 ? option.args : config.cmd)];
}

function planWorkingDir(option: AppOption, config: ImageConfig): string {
  const dir = option.workingDir ?? (config.workingDir === "" ? "/" : config.workingDir);
  if (!dir.startsWith("/") || /[\x00-\x1f\x7f]/.test(dir) || dir.split("/").includes("..")) {
    throw new PodError(
      "pod/bad-option",
      `Cannot use working directory ${JSON.stringify(dir)}: it is not an absolute path without ".." and control characters`,
      {
        hint: "write it as /path/in/the/app",
      },
    );
  }
  return dir;
}

function limitsOf(option: AppOption, plan: AppcPlan | undefined): Pick<PodApp, "limits"> {
  const limits = { ...plan?.limits, ...option.limits };
  return Object.keys(limits).length === 0 ? {} : { limits };
}

/** Ports by the names that the apps' own port lists give them. */
function namedPorts(option: PodOption, plans: readonly AppPlan[]): PortOption[] {
  return (option.namedPorts ?? []).flatMap(({ name, hostPort, hostIp }) => {
    const port = plans.flatMap(({ appc }) => appc?.ports ?? []).find((one) => one.name === name);
    if (port !== undefined)
      return expandPort({ hostIp, hostPort, podPort: port.port, count: port.count, protocol: port.protocol });
    throw new PodError("pod/bad-option", `Cannot lead port "${name}" out of the pod: no app has a port of that name`, {
      hint: "name a port of an app, or give the port itself as podPort",
    });
  });
}

function assertNamesUnique(names: readonly AppName[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new PodError("pod/bad-name", `Cannot put two apps named "${twice}" into one pod`, {
    hint: "name them apart: gantry run IMAGE --name one … IMAGE --name two",
  });
}

function assertVolumes(volumes: readonly VolumeOption[], apps: readonly PodApp[]): void {
  const names = volumes.map((volume) => volume.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new PodError("pod/bad-option", `Cannot declare volume "${twice}" twice`, {
      hint: "give every --volume a name of its own",
    });
  }
  const bad = names.find((name) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name));
  if (bad !== undefined) {
    throw new PodError("pod/bad-option", `Cannot name a volume "${bad}"`, {
      hint: "use lower-case letters, digits and single dashes",
    });
  }
  for (const { name, mounts } of apps) {
    for (const mount of mounts) {
      if (!mount.target.startsWith("/") || mount.target === "/" || mount.target.split("/").includes("..")) {
        throw new PodError(
          "pod/bad-option",
          `Cannot mount volume "${mount.volume}" at "${mount.target}" in app "${name}"`,
          {
            hint: "write the target as an absolute path below / without .. in it",
          },
        );
      }
      if (!names.includes(mount.volume)) {
        throw new PodError(
          "pod/missing-volume",
          `Cannot mount volume "${mount.volume}" in app "${name}": the pod has no such volume`,
          {
            hint: `declare it: --volume ${mount.volume},kind=host,source=/PATH or --volume ${mount.volume},kind=empty`,
          },
        );
      }
    }
  }
}

// Without a network of its own a pod has nothing a port could be mapped to; on the host's, a port can only be itself.
function assertPorts({ nets, ports }: PodOption): void {
  const [net] = nets;
  const isRefused = (port: PodOption["ports"][number]) =>
    net?.name === "none" || (net?.name === "host" && port.hostPort !== port.podPort);
  const refused = nets.length === 1 ? ports.find(isRefused) : undefined;
  if (refused === undefined) return;
  throw new PodError(
    "pod/bad-option",
    `Cannot map host port ${refused.hostPort} to port ${refused.podPort} of the pod: its network is "${net?.name}"`,
    { hint: "leave out --port, or join a network that maps ports: --net=default" },
  );
}

/** Pod names may hold what host names must not. */
function hostnameOf(name: string): string {
  return name.replaceAll(/[_.]+/g, (run) => (/^\.$/.test(run) ? "." : "-")).replace(/[-.]+$/, "");
}

function assertHostname(hostname: string): void {
  if (/^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,62}[a-zA-Z0-9])?$/.test(hostname) && !hostname.includes("..")) return;
  throw new PodError("pod/bad-option", `Cannot use host name "${hostname.slice(0, 80)}"`, {
    hint: "use letters, digits, dashes and dots, at most 64 characters: --hostname NAME",
  });
}
