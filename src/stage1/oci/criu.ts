import type { Stage1Host } from "../../pod/stage1-contract.ts";
import { SysError } from "../../sys/errors.ts";
import { askVersion } from "../ask-version.ts";
import { Stage1Error } from "../errors.ts";
import { type FailedProbe, isDueAgain, nextFailure } from "../failed-probe.ts";
import type { OciRuntime } from "./oci-runtime.ts";
import { findProgram, PROGRAM_DIRS } from "./runtime.ts";

/** A criu of this host, and what its own check says of the kernel it runs on. */
export interface ProbedCriu {
  readonly path: string;
  readonly version: string;
  /** Undefined: it works. */
  readonly problem?: string;
  readonly failed?: FailedProbe | undefined;
}

const CACHE = "criu.json";
const CHECK_LIMIT_MS = 20_000;
/** When a criu that could not work is asked again. */
const RETRY_MS = 30_000;
/** Names another criu than those in the usual places. */
const VARIABLE = "GANTRY_CRIU";

/**
 * Asks every criu of this host whether it can work on this kernel, until one can; the answer is kept until a program or the
 * kernel changes, and when it was no for a while only. Undefined: none is installed.
 */
export async function probeCriu(
  host: Stage1Host,
  options: { readonly signal?: AbortSignal; readonly onlyLook?: boolean } = {},
): Promise<ProbedCriu | undefined> {
  const paths = findCrius(host);
  const key = cacheKey(host, paths);
  const cached = readCache(host, key);
  const isKept = cached?.problem === undefined || !isDueAgain(cached.failed, host.clock.nowMs(), RETRY_MS);
  if (cached !== undefined && (isKept || options.onlyLook === true)) return cached;
  const probed: ProbedCriu[] = [];
  for (const path of paths) {
    probed.push(await checkCriu(host, path, options));
    if (probed.at(-1)?.problem === undefined) break;
  }
  const best = probed.find(({ problem }) => problem === undefined) ?? probed[0];
  if (best !== undefined && options.onlyLook !== true) {
    const failed = best.problem === undefined ? undefined : nextFailure(cached?.failed, host.clock.nowMs());
    host.cache.writeAtomic(CACHE, JSON.stringify({ key, criu: { ...best, failed } }), 0o600);
  }
  return best;
}

/** The criu a runtime is to use. @throws {Stage1Error} "stage1/unsupported-host", "stage1/missing-tool" */
export async function requireCriu(host: Stage1Host, runtime: OciRuntime): Promise<ProbedCriu> {
  const obstacle = await findObstacle(host, runtime);
  if (obstacle !== undefined) {
    throw new Stage1Error(
      "stage1/unsupported-host",
      `Cannot checkpoint containers of ${runtime.name} on this host: ${obstacle}`,
      { hint: "start the pod with another runtime: gantry run --stage1=oci --runtime=runc" },
    );
  }
  const criu = await probeCriu(host);
  if (criu === undefined) {
    throw new Stage1Error("stage1/missing-tool", "Cannot checkpoint: criu is not installed", { hint: FIX_MISSING });
  }
  if (criu.problem === undefined) return criu;
  throw new Stage1Error(
    "stage1/unsupported-host",
    `Cannot checkpoint: ${criu.path} does not work here: ${criu.problem}`,
    {
      hint: FIX_OLD,
      data: { criu: criu.path, version: criu.version },
    },
  );
}

/** How to get one, and one that knows the kernel. */
export const FIX_MISSING = "install it: apt-get install criu";
export const FIX_OLD = `use a criu made for this kernel, named by ${VARIABLE}, or --stage1=gvisor, which needs none`;

/** What keeps a runtime from calling criu; undefined: nothing. */
export async function findObstacle(
  host: Stage1Host,
  { name, path, cgroups }: Pick<OciRuntime, "name" | "path" | "cgroups">,
): Promise<string | undefined> {
  if (name !== "crun") return undefined;
  const words = ((await askVersion(host, [path, "--version"])) ?? "").split(/\s+/);
  if (!words.includes("+CRIU")) return "it was built without CRIU";
  // It would have criu halt everything beneath the cgroup it is in itself.
  return cgroups === "own" ? "it cannot name the cgroup to halt where cgroups are hybrid" : undefined;
}

function findCrius(host: Stage1Host): readonly string[] {
  const own = host.env[VARIABLE];
  if (own !== undefined && own !== "") {
    if (/^\/.+\/criu$/.test(own) && host.host.statFollowing(own.slice(1))?.kind === "file") return [own];
    throw new Stage1Error(
      "stage1/missing-tool",
      `Cannot use "${own.slice(0, 200)}" for checkpoints: ${VARIABLE} has to name a criu`,
      {
        hint: "give the absolute path of a program that is called criu, since runtimes look for that name",
      },
    );
  }
  return [...new Set(PROGRAM_DIRS.flatMap((dir) => findProgram(host, "criu", [dir]) ?? []))];
}

async function checkCriu(
  host: Stage1Host,
  path: string,
  options: { readonly signal?: AbortSignal },
): Promise<ProbedCriu> {
  const version = /^Version: (\S+)/m.exec((await askVersion(host, [path, "--version"], options)) ?? "")?.[1] ?? "?";
  try {
    const { exitCode, stdout, stderr } = await host.programs.run(
      { argv: [path, "check"], timeoutMs: CHECK_LIMIT_MS, env: { PATH: PROGRAM_DIRS.join(":"), LC_ALL: "C" } },
      options,
    );
    if (exitCode === 0) return { path, version };
    return { path, version, problem: firstError(`${stderr}\n${stdout}`) ?? `criu check ends with ${exitCode}` };
  } catch (reason) {
    if (!(reason instanceof SysError)) throw reason;
    return { path, version, problem: reason.message };
  }
}

/** Text of the first error criu wrote, without where in its source. */
export function firstError(text: string): string | undefined {
  return /^(?:\([\d.]+\) +(?:\d+: )?)?Error +(?:\([^)]*\): )?(.+)$/m.exec(text)?.[1]?.slice(0, 300);
}

function cacheKey({ host, env }: Stage1Host, paths: readonly string[]): string {
  const facts = paths.map((path) => {
    const stat = host.statFollowing(path.slice(1));
    return [path, stat?.sizeBytes, stat?.modifiedAtMs];
  });
  return JSON.stringify([facts, env[VARIABLE] ?? "", host.readText("proc/sys/kernel/osrelease", 256)]);
}

function readCache({ cache }: Stage1Host, key: string): ProbedCriu | undefined {
  if (!cache.has(CACHE)) return undefined;
  try {
    const parsed = JSON.parse(cache.readText(CACHE)) as { readonly key?: string; readonly criu?: ProbedCriu };
    return parsed.key === key ? parsed.criu : undefined;
  } catch {
    return undefined; // damaged: found out anew
  }
}
