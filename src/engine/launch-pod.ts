import { formatTimestamp } from "../base/clock.ts";
import { type Attachment, attachAll } from "../network/attach-all.ts";
import { NetworkError } from "../network/errors.ts";
import { planHostsFile } from "../network/hosts-file.ts";
import { findNetwork } from "../network/load-networks.ts";
import { assertPortsFree } from "../network/ports.ts";
import { planResolvConf } from "../network/resolv-conf.ts";
import type { PodManifest } from "../pod/manifest.ts";
import { type LockedPod, readPodManifest } from "../pod/pod-store.ts";
import type { LaunchInput } from "../pod/stage1-contract.ts";
import { layerTreePath } from "../store/store-paths.ts";
import { createNetNamespace } from "../sys/linux/net-namespace.ts";
import { isTerminal } from "../sys/terminal.ts";
import { removeWhenEnded } from "./auto-remove.ts";
import type { EngineContext } from "./context.ts";
import { loadAllNetworks } from "./load-pod-networks.ts";
import { makeUserNamespace, makeVolumeIdmaps } from "./make-user-namespace.ts";
import { pluginHost } from "./plugin-host.ts";
import { eventApps, manifestHash, type PreparedPod } from "./prepare-pod.ts";
import { netnsPath, type Reaping } from "./reap-pod.ts";
import { stage1Host, stage1Of } from "./regimes.ts";

/** How a prepared pod is to be started. */
export interface LaunchOptions {
  readonly mode: "exec" | "spawn";
  readonly interactive: boolean;
  readonly tty: boolean;
  /** Of pods that ended before: it is over when this process stops being ours. */
  readonly reaping: Reaping;
  readonly signal?: AbortSignal;
}

const TEXT_LIMIT = 1024 * 1024;

/**
 * Starts a pod this process holds the lock of: networks first, while this is still the host, then the regime's launch.
 * With mode "exec" it does not return. The caller cleans up when it throws.
 */
export async function launchPod(
  ctx: EngineContext,
  { pod, manifest }: PreparedPod,
  options: LaunchOptions,
): Promise<{ readonly pid: number }> {
  pod.move("start");
  const stage1 = stage1Of(manifest);
  const netns = isHostNetwork(manifest) ? undefined : netnsPath(ctx, pod.id);
  const userns = await makeUserNamespace(ctx, { manifest, netns });
  const volumeIdmaps = await makeVolumeIdmaps(ctx, manifest);
  const attachments = await joinNetworks(ctx, { pod, manifest }, options);
  if (stage1.callsMeanwhile !== true) await options.reaping.start(); // `launch` may not return
  if (stage1.callsMeanwhile !== true) reportStart(ctx, { pod, manifest });
  const input: LaunchInput = {
    ...planLaunch(ctx, { pod, manifest, attachments, userns, volumeIdmaps }, options),
    meanwhile: () => {
      reportStart(ctx, { pod, manifest }); // at once: when it fails, no app may begin
      return options.reaping.start();
    },
  };
  options.signal?.throwIfAborted();
  if (manifest.autoRemove === true) await removeWhenEnded(ctx, pod);
  return await stage1.launch(input);
}

/** Before any app runs: what is not recorded does not begin. */
function reportStart(ctx: EngineContext, { pod, manifest }: PreparedPod): void {
  ctx.events.report({
    type: "pod.started",
    pod: manifest.uuid,
    manifestHash: manifestHash(pod),
    stage1: manifest.stage1.regime,
    ...(manifest.stage1.image === undefined ? {} : { stage1Digest: manifest.stage1.image.digest }),
    apps: eventApps(manifest),
  });
  const started = { startedAt: formatTimestamp(ctx.clock.nowMs()) };
  pod.files().writePlain("started.json", JSON.stringify(started), 0o600);
}

/** What the regime gets to start a pod with. */
export function planLaunch(
  ctx: EngineContext,
  {
    pod,
    manifest,
    attachments,
    userns,
    volumeIdmaps,
  }: {
    readonly pod: LockedPod;
    readonly manifest: PodManifest;
    readonly attachments: readonly Attachment[];
    readonly userns?: LaunchInput["userns"];
    readonly volumeIdmaps?: LaunchInput["volumeIdmaps"];
  },
  options: Pick<LaunchOptions, "mode" | "interactive" | "tty" | "signal" | "reaping">,
): LaunchInput {
  const isBackground = options.mode === "spawn";
  return {
    manifest,
    pod: pod.files(),
    layerPath: (name) => ctx.root.path(layerTreePath(name)),
    hostPathKind: (path) => hostPathKind(ctx, path),
    netns: isHostNetwork(manifest) ? "host" : { path: netnsPath(ctx, pod.id) },
    ...(userns === undefined ? {} : { userns }),
    ...(volumeIdmaps === undefined ? {} : { volumeIdmaps }),
    etcFiles: planEtcFiles(ctx, { manifest, attachments }),
    lockFd: pod.lock.fd,
    host: stage1Host(ctx, manifest.stage1.regime),
    mode: options.mode,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    interactive: options.interactive,
    background: { stdin: isBackground && options.interactive, tty: isBackground && options.tty },
    isTerminal: isTerminal(0) && isTerminal(1),
    isSystemdHost: ctx.host.has("run/systemd/system"),
    isOwnUnit: ctx.env["INVOCATION_ID"] !== undefined && ctx.host.has("run/systemd/system"),
    notifyEnv: pick(ctx.env, ["NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"]),
    note: ctx.options.note,
    meanwhile: () => options.reaping.start(),
    leaveRest: () => options.reaping.leave(),
    ensureHostDir: (path) => ctx.host.ensureDir(path.slice(1), 0o755),
  };
}

/** Whether a pod has no network of its own. */
export function isHostNetwork(manifest: PodManifest): boolean {
  return manifest.nets.length === 1 && manifest.nets[0]?.name === "host";
}

/** Makes the network namespace of a pod and attaches it; the caller cleans up when it throws. */
export async function joinNetworks(
  ctx: EngineContext,
  { pod, manifest }: { readonly pod: LockedPod; readonly manifest: PodManifest },
  options: Pick<LaunchOptions, "reaping" | "signal">,
): Promise<readonly Attachment[]> {
  if (isHostNetwork(manifest)) return [];
  const wanted = manifest.nets.length === 0 ? [{ name: "default", args: {} }] : manifest.nets;
  const isNone = wanted.length === 1 && wanted[0]?.name === "none";
  const reaped = isNone ? undefined : options.reaping.start();
  // What it asks for by number may still belong to a pod that has ended.
  if (manifest.ports.length > 0 || wanted.some(({ args }) => Object.keys(args).length > 0)) await reaped;
  const known = isNone ? undefined : loadAllNetworks(ctx);
  const networks =
    known === undefined ? [] : wanted.map((net) => ({ config: findNetwork(known, net.name), args: net.args }));
  claimPorts(ctx, { pod, manifest });
  const path = netnsPath(ctx, pod.id);
  ctx.run.ensureDir("netns", 0o755);
  // The one of a pod with a user namespace of its own is there already, and belongs to that.
  if (manifest.userns === undefined) createNetNamespace(path);
  if (networks.length === 0) return [];
  const host = pluginHost(ctx, pod.files(), [pod.lock.fd]);
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const attach = () =>
    attachAll(host, { containerId: pod.id, netnsPath: path, networks, ports: manifest.ports }, signal);
  const mayLack = !options.reaping.isOver;
  try {
    return await attach();
  } catch (reason) {
    // For want of an address, perhaps, that an ended pod was about to give back.
    if (!mayLack || !(reason instanceof NetworkError)) throw reason;
    if ((await options.reaping.start()) === 0) throw reason;
    return await attach();
  }
}

// Under one lock, so that of two pods that want the same port exactly one gets it.
function claimPorts(
  ctx: EngineContext,
  { pod, manifest }: { readonly pod: LockedPod; readonly manifest: PodManifest },
): void {
  if (manifest.ports.length === 0) return;
  using _lock = ctx.run.lock("ports.lock", { kind: "exclusive", wait: true });
  const others = ctx.pods.list().flatMap((location) => {
    if (location.dir !== "run" || location.id === pod.id) return [];
    const files = ctx.pods.files(location);
    if (!files.has("ports-claimed") || files.has("reaped.json")) return [];
    const ports = readPodManifest(files)?.ports ?? [];
    return [{ pod: location.id, ports }];
  });
  assertPortsFree(ctx.proc, { wanted: manifest.ports, others });
  pod.files().writePlain("ports-claimed", "", 0o600);
}

function planEtcFiles(
  ctx: EngineContext,
  { manifest, attachments }: { readonly manifest: PodManifest; readonly attachments: readonly Attachment[] },
): LaunchInput["etcFiles"] {
  const read = (rel: string) => (ctx.host.has(rel) ? ctx.host.readText(rel, TEXT_LIMIT) : undefined);
  const hostResolvConf = read("etc/resolv.conf");
  const systemdResolvConf = read("run/systemd/resolve/resolv.conf");
  const resolvConf = planResolvConf({
    ...manifest.dns,
    networks: attachments.map((one) => one.result.dns),
    isHostNetwork: isHostNetwork(manifest),
    ...(hostResolvConf === undefined ? {} : { hostResolvConf }),
    ...(systemdResolvConf === undefined ? {} : { systemdResolvConf }),
  });
  const podIps = attachments.flatMap((one) => one.result.ips.map((ip) => ip.address));
  const hosts =
    manifest.hostsEntries === "host"
      ? (read("etc/hosts") ?? "")
      : planHostsFile({
          podIps,
          hostname: manifest.hostname,
          entries: manifest.hostsEntries,
          ...(manifest.name === undefined ? {} : { podName: manifest.name }),
        });
  return { resolvConf, hosts, hostname: `${manifest.hostname}\n` };
}

function hostPathKind(ctx: EngineContext, path: string): "dir" | "file" | undefined {
  const rel = path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
  if (rel === "") return "dir";
  const stat = ctx.host.statFollowing(rel);
  if (stat === undefined) return undefined;
  return stat.kind === "dir" ? "dir" : "file";
}

function pick(env: EngineContext["env"], names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name] ?? ""]])));
}
