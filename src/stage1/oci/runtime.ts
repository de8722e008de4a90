import type { LaunchInput, ProbeOptions, Stage1Host } from "../../pod/stage1-contract.ts";
import { detectCgroupLayout } from "../../sys/linux/cgroup-layout.ts";
import { Stage1Error } from "../errors.ts";
import { isDueAgain, nextFailure } from "../failed-probe.ts";
import { findOutOnce } from "../find-out-once.ts";
import type { OciRuntime } from "./oci-runtime.ts";
import { type ProbedRuntime, probeRuntime } from "./probe-runtime.ts";

/** A regime's choice of runtimes, best first where they are equally fast. */
export interface OciFlavor {
  readonly regime: string;
  candidates(): readonly OciRuntime[];
  readonly install: string;
}

const CACHE = "runtime.json";
/** When what did not work is tried again; what hung while another works costs every run a wait, so later. */
const RETRY_MS = 30_000;
const RETRY_HANGING_MS = 3_600_000;
/** Where programs of the host are looked for. */
export const PROGRAM_DIRS: readonly string[] = [
  "/usr/local/sbin",
  "/usr/local/bin",
  "/usr/sbin",
  "/usr/bin",
  "/sbin",
  "/bin",
];

/** Runtimes of the oci regime. crun cannot use hybrid trees by itself. */
export const OCI_FLAVOR: OciFlavor = {
  regime: "oci",
  candidates: () => {
    const { kind } = detectCgroupLayout();
    return [
      kind === "hybrid"
        ? { name: "crun", path: "crun", args: ["--cgroup-manager=disabled"], cgroups: "own", isSandbox: false }
        : { name: "crun", path: "crun", args: ["--cgroup-manager=cgroupfs"], cgroups: "managed", isSandbox: false },
      { name: "runc", path: "runc", args: [], cgroups: "managed", isSandbox: false },
    ];
  },
  install: "apt-get install crun conmon",
};

/**
 * gVisor's platforms: which one works only trying can tell. Its own network stack needs a runsc that knows the kernel it
 * runs on; else sockets are those of the pod's network namespace.
 */
export const GVISOR_FLAVOR: OciFlavor = {
  regime: "gvisor",
  candidates: () =>
    ["systrap", "ptrace", "kvm"].map((platform) => ({
      ...sandbox(platform, "sandbox"),
      otherwise: { ...sandbox(platform, "host"), name: `runsc (${platform}, network stack of the host's kernel)` },
    })),
  install: "apt-get install runsc conmon",
};

function sandbox(platform: string, network: string): OciRuntime {
  return {
    name: `runsc (${platform})`,
    path: "runsc",
    args: [`--platform=${platform}`, `--network=${network}`, "--ignore-cgroups"],
    cgroups: "own",
    isSandbox: true,
  };
}

/**
 * What was found out about every runtime a flavor could use, fastest first; undefined: nothing yet. What works is kept until
 * a program or the kernel changes, what does not is tried again after a while.
 */
export async function probeFlavor(
  flavor: OciFlavor,
  host: Stage1Host,
  options: ProbeOptions = {},
): Promise<readonly ProbedRuntime[] | undefined> {
  const installed = findInstalled(flavor, host);
  const key = cacheKey(host, installed);
  if (options.onlyLook === true) return readCache(host, key);
  const readKept = () => {
    const cached = readCache(host, key);
    return cached?.every((_, index) => !isDue(cached, index, host.clock.nowMs())) === true ? cached : undefined;
  };
  const find = async (): Promise<readonly ProbedRuntime[]> => {
    const probed = await probeAll({ installed, cached: readCache(host, key) ?? [] }, host, options);
    host.cache.writeAtomic(CACHE, JSON.stringify({ key, probed }), 0o600);
    return probed;
  };
  return await findOutOnce(host.cache, { readKept, find }, options);
}

async function probeAll(
  { installed, cached }: { readonly installed: readonly OciRuntime[]; readonly cached: readonly ProbedRuntime[] },
  host: Stage1Host,
  options: ProbeOptions,
): Promise<readonly ProbedRuntime[]> {
  const probed: ProbedRuntime[] = [];
  for (const runtime of installed) {
    const at = cached.findIndex((one) => isSame(one.runtime, runtime));
    const before = cached[at];
    if (before !== undefined && !isDue(cached, at, host.clock.nowMs())) {
      probed.push(before);
      continue;
    }
    const found = await probeEither(runtime, host, options);
    const failed = nextFailure(before?.failed, host.clock.nowMs());
    probed.push(found.tookMs === undefined ? { ...found, failed } : found);
  }
  return probed.sort((a, b) => (a.tookMs ?? Number.POSITIVE_INFINITY) - (b.tookMs ?? Number.POSITIVE_INFINITY));
}

async function probeEither(runtime: OciRuntime, host: Stage1Host, options: ProbeOptions): Promise<ProbedRuntime> {
  const first = await probeRuntime(runtime, host, options);
  const { otherwise } = runtime;
  if (first.tookMs !== undefined || first.isHanging === true || otherwise === undefined) return first;
  return await probeRuntime({ ...otherwise, path: runtime.path }, host, options);
}

function isDue(all: readonly ProbedRuntime[], index: number, nowMs: number): boolean {
  const one = all[index];
  if (one === undefined || one.tookMs !== undefined) return one === undefined;
  const isSpared = one.isHanging === true && all.some(({ tookMs }) => tookMs !== undefined);
  return isDueAgain(one.failed, nowMs, isSpared ? RETRY_HANGING_MS : RETRY_MS);
}

/** Whether what was probed is that candidate, or what it is otherwise. */
function isSame(probed: OciRuntime, { name, otherwise }: OciRuntime): boolean {
  return probed.name === name || probed.name === otherwise?.name;
}

/** The runtimes a flavor could use that are there. */
export function findInstalled(flavor: OciFlavor, host: Pick<Stage1Host, "host">): readonly OciRuntime[] {
  return flavor.candidates().flatMap((runtime) => {
    const path = findProgram(host, runtime.path);
    return path === undefined ? [] : [{ ...runtime, path }];
  });
}

/**
 * The fastest runtime that works here, or the one asked for by its name.
 * @throws {Stage1Error} "stage1/missing-tool", "stage1/unsupported-host"
 */
export async function chooseRuntime(flavor: OciFlavor, host: Stage1Host, asked?: string): Promise<OciRuntime> {
  const all = (await probeFlavor(flavor, host)) ?? [];
  const probed = asked === undefined ? all : all.filter(({ runtime }) => runtime.name === asked);
  if (asked !== undefined && probed.length === 0) {
    const known = flavor.candidates().map(({ name }) => name);
    const state = known.includes(asked) ? "it is not installed" : `regime ${flavor.regime} knows no such runtime`;
    throw new Stage1Error("stage1/missing-tool", `Cannot start pod with runtime "${asked.slice(0, 80)}": ${state}`, {
      hint: known.includes(asked) ? `install it: apt-get install ${asked}` : `use one of: ${known.join(", ")}`,
    });
  }
  const [best] = probed;
  if (best === undefined) {
    const names = [...new Set(flavor.candidates().map((one) => one.path))].join(" or ");
    throw new Stage1Error("stage1/missing-tool", `Cannot start pod: ${names} is not installed`, {
      hint: `install it: ${flavor.install}`,
    });
  }
  if (best.tookMs !== undefined) return best.runtime;
  const reasons = probed.map((one) => `${one.runtime.name}: ${one.problem ?? "?"}`).join("; ");
  throw new Stage1Error("stage1/unsupported-host", `Cannot start pod: no runtime works on this host: ${reasons}`, {
    hint: "see what is missing: gantry doctor",
  });
}

/** Absolute path of a program of the host. */
export function findProgram({ host }: Pick<Stage1Host, "host">, name: string, dirs = PROGRAM_DIRS): string | undefined {
  return dirs.map((dir) => `${dir}/${name}`).find((path) => host.statFollowing(path.slice(1)) !== undefined);
}

function cacheKey({ host }: Stage1Host, runtimes: readonly OciRuntime[]): string {
  const facts = runtimes.map((runtime) => {
    const stat = host.statFollowing(runtime.path.slice(1));
    return [runtime, stat?.sizeBytes, stat?.modifiedAtMs];
  });
  return JSON.stringify([facts, host.readText("proc/sys/kernel/osrelease", 256), detectCgroupLayout().kind]);
}

function readCache({ cache }: Stage1Host, key: string): readonly ProbedRuntime[] | undefined {
  if (!cache.has(CACHE)) return undefined;
  try {
    const parsed = JSON.parse(cache.readText(CACHE)) as { readonly key?: string; readonly probed?: ProbedRuntime[] };
    return parsed.key === key ? parsed.probed : undefined;
  } catch {
    return undefined; // damaged: found out anew
  }
}

/**
 * With the host's network there is none of the pod's own that a sandbox could take over, and without any there is nothing to
 * take over: then its own loopback is all it gets.
 */
export function withNetwork(runtime: OciRuntime, { netns, manifest }: LaunchInput): OciRuntime {
  const isNone = manifest.nets.length === 1 && manifest.nets[0]?.name === "none";
  if (!runtime.isSandbox || (netns !== "host" && !isNone)) return runtime;
  const others = runtime.args.filter((arg) => !arg.startsWith("--network="));
  return { ...runtime, args: [...others, netns === "host" ? "--network=host" : "--network=none"] };
}
