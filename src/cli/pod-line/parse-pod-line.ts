import { parseAciPodManifest } from "../../image/aci/pod-manifest.ts";
import { isIpAddress } from "../../network/ip-address.ts";
import { type AppcPodOption, podOptionOfAppc } from "../../pod/from-appc-pod.ts";
import type { PodOption, VolumeOption } from "../../pod/options.ts";
import { usageError } from "../errors.ts";
import type { FlagSpecs } from "../flag-spec.ts";
import type { CliHost } from "../host.ts";
import { ParsedFlags } from "../parse-flags.ts";
import { groupApps } from "./group-apps.ts";
import { type ParsedApp, parseApp } from "./parse-app.ts";
import { parseNets } from "./parse-nets.ts";
import { parsePodOptions } from "./parse-pod-options.ts";
import { parsePort } from "./parse-port.ts";
import { parseUserns } from "./parse-userns.ts";
import { parseVolume } from "./parse-volume.ts";

/** A pod as asked for, and the flags of the pod that are not part of it (`detach`, `interactive` …). */
export interface PodLine {
  readonly option: PodOption;
  readonly flags: ParsedFlags;
}

/** The whole line of `run` or `prepare`. @throws {CliError} "cli/usage", "cli/bad-file". */
export async function parsePodLine(host: CliHost, argv: readonly string[], specs: FlagSpecs): Promise<PodLine> {
  const words = groupApps(argv, specs);
  const flags = new ParsedFlags(words.pod);
  let unnamed = 0;
  const fresh = () => `volume-${++unnamed}`;
  const apps: ParsedApp[] = [];
  for (const app of words.apps) apps.push(await parseApp(host, app, fresh));
  const named = flags.strings("volume").map((text) => parseVolume(text, fresh).volume);
  const volumes = [...named, ...apps.flatMap((app) => app.volumes)];
  assertDistinct(volumes);
  const appc = await readPodManifest(host, flags);
  const option: PodOption = {
    apps: apps.map((one) => one.app),
    volumes,
    ports: flags.strings("port").flatMap(parsePort),
    ...appc,
    ...pick(flags, ["name", "hostname", "stage1", "platform"]),
    labels: { ...appc?.labels, ...parseLabels(flags.strings("label")) },
    nets: parseNets(flags.strings("net")),
    dns: {
      ...dnsServers(flags.strings("dns")),
      search: flags.strings("dns-search"),
      options: flags.strings("dns-opt"),
    },
    hostsEntries: parseHosts(flags.strings("hosts-entry")),
    pullPolicy: parsePullPolicy(flags.string("pull-policy")),
    ...(flags.boolean("rm") ? { autoRemove: true } : {}),
    ...parsePodOptions(flags),
    ...parseUserns(flags),
  };
  return { option, flags };
}

const MAX_POD_MANIFEST_BYTES = 4 * 1024 * 1024;

async function readPodManifest(host: CliHost, flags: ParsedFlags): Promise<AppcPodOption | undefined> {
  const file = flags.string("pod-manifest");
  if (file === undefined) return undefined;
  for (const other of ["volume", "port"]) {
    if (flags.has(other))
      throw usageError(`Cannot use --${other} together with --pod-manifest`, "say it in the pod manifest");
  }
  const text = await host.readTextFile(file, MAX_POD_MANIFEST_BYTES);
  return podOptionOfAppc(parseAciPodManifest(new TextEncoder().encode(text)));
}

/** The three policies, podman's words for them included. */
export function parsePullPolicy(text: string | undefined): PodOption["pullPolicy"] {
  if (text === "never") return "never";
  return text === "update" || text === "newer" || text === "always" ? "update" : "new";
}

function assertDistinct(volumes: readonly VolumeOption[]): void {
  const names = volumes.map((volume) => volume.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw usageError(`Cannot use volume name "${twice}" twice`, "give each volume a name of its own");
}

type Picked = "name" | "hostname" | "stage1" | "platform";

function pick(flags: ParsedFlags, names: readonly Picked[]): { readonly [P in Picked]?: string } {
  const picked: { [P in Picked]?: string } = {};
  for (const name of names) {
    const value = flags.string(name);
    if (value !== undefined) picked[name] = value;
  }
  return picked;
}

function parseLabels(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf("=");
      if (equals < 1) throw usageError(`Cannot use label "${pair.slice(0, 80)}"`, "write KEY=VALUE");
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
}

function dnsServers(values: readonly string[]): { servers?: readonly string[] | "host" | "none" } {
  const servers = values.flatMap((value) => value.split(","));
  if (servers.length === 0) return {};
  const [word] = servers;
  if (servers.length === 1 && (word === "host" || word === "none")) return { servers: word };
  const wrong = servers.find((server) => !isIpAddress(server));
  if (wrong !== undefined)
    throw usageError(`Cannot use name server "${wrong.slice(0, 80)}"`, "write an IP address, or host or none alone");
  return { servers };
}

function parseHosts(values: readonly string[]): PodOption["hostsEntries"] {
  const entries = values.flatMap((value) => value.split(","));
  if (entries.length === 1 && entries[0] === "host") return "host";
  return entries.map((entry) => {
    const equals = entry.indexOf("=");
    const ip = entry.slice(0, Math.max(0, equals));
    const host = entry.slice(equals + 1);
    if (!isIpAddress(ip) || !/^[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$/.test(host)) {
      throw usageError(`Cannot use hosts entry "${entry.slice(0, 80)}"`, "write IP=HOST, or host alone");
    }
    return { ip, host };
  });
}
