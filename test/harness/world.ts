import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type GantryOptions, type GantryResult, gantry } from "./gantry.ts";
import { hostLeaks, hostSnapshot } from "./host-snapshot.ts";

/** Pods of the world in the least that clean-up needs to know. */
interface ListedPod {
  readonly uuid: string;
  readonly state: string;
}

/** A private root and configuration for one story, and servers that end with it. */
export interface World extends AsyncDisposable {
  /** Directory of this world; everything below goes with it. */
  readonly dir: string;
  readonly root: string;
  readonly config: string;
  /** Home directory for gpg, mode 0700. */
  readonly gnupgHome: string;
  /** Environment of every call; services add to it (`GANTRY_CA_FILE`). */
  readonly env: Map<string, string>;
  /** Runs the binary with this world's root, configuration and GNUPGHOME. */
  gantry(args: readonly string[], options?: Omit<GantryOptions, "root" | "config">): Promise<GantryResult>;
  /** Like `gantry`, but any exit code other than 0 rejects with the whole output. */
  succeed(args: readonly string[], options?: Omit<GantryOptions, "root" | "config">): Promise<GantryResult>;
  /** Ends with the world, before its directory is removed; returns what it was given. */
  use<T extends AsyncDisposable | Disposable>(resource: T): T;
}

/**
 * Makes a world. Disposing it stops and removes all its pods, runs `gc`, ends its servers, removes its directory, and
 * throws when anything of it is left on the host; so each story checks its own clean-up.
 */
export async function createWorld(): Promise<World> {
  const before = hostSnapshot();
  const dir = mkdtempSync(join(tmpdir(), "gantry-world-"));
  const [root, config, gnupgHome] = [join(dir, "root"), join(dir, "config"), join(dir, "gnupg")];
  for (const path of [root, config, gnupgHome]) mkdirSync(path, { mode: 0o700 });
  const worldEnv = new Map([["GNUPGHOME", gnupgHome]]);
  const resources = new AsyncDisposableStack();
  const run: World["gantry"] = (args, options = {}) =>
    gantry(args, { ...options, root, config, env: { ...Object.fromEntries(worldEnv), ...options.env } });
  return {
    dir,
    root,
    config,
    gnupgHome,
    env: worldEnv,
    gantry: run,
    succeed: async (args, options) => {
      const result = await run(args, options);
      if (result.exitCode === 0) return result;
      throw new Error(`gantry ${args.join(" ")} ended with ${result.exitCode}\n${result.stdout}${result.stderr}`);
    },
    use: (resource) => resources.use(resource),
    async [Symbol.asyncDispose]() {
      const problems = await removePods(run).catch((reason: unknown) => [`clean-up: ${String(reason)}`]);
      problems.push(...strayMounts(dir));
      await resources.disposeAsync();
      if (strayMounts(dir).length === 0) rmSync(dir, { recursive: true, force: true });
      problems.push(...(await settledLeaks(before)));
      if (problems.length === 0) return;
      const report = `The world left something behind:\n  ${problems.join("\n  ")}`;
      console.error(report); // when the story has failed too, the runner shows neither error's text
      throw new Error(report);
    },
  };
}

/** Stops, removes and collects; returns complaints instead of throwing, so that the rest still happens. */
async function removePods(run: World["gantry"]): Promise<string[]> {
  const listed = await run(["list", "--json"]);
  if (listed.exitCode !== 0) return [`list: ${listed.stderr}`];
  const problems: string[] = [];
  for (const pod of JSON.parse(listed.stdout) as ListedPod[]) {
    if (pod.state === "running") await run(["stop", "--force", pod.uuid]); // it may end by itself meanwhile
    const removed = await run(["rm", pod.uuid]);
    if (removed.exitCode !== 0) problems.push(`rm ${pod.uuid}: ${removed.stderr}`);
  }
  const collected = await run(["gc", "--grace-period=0s"]);
  if (collected.exitCode !== 0) problems.push(`gc: ${collected.stderr}`);
  return problems;
}

/** Mounts beneath the world in the host's namespace: unmounted here, and told. */
function strayMounts(dir: string): string[] {
  const points = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "");
  const stray = points.filter((point) => point.startsWith(`${dir}/`)).reverse();
  for (const point of stray) Bun.spawnSync(["umount", "--lazy", point]);
  return stray.map((point) => `mount: ${point}`);
}

/** Leaks that stay: the kernel and PID 1 finish some clean-up a moment after the process that asked for it. */
async function settledLeaks(before: ReturnType<typeof hostSnapshot>): Promise<string[]> {
  let left = hostLeaks(before, hostSnapshot());
  for (let tries = 0; left.length > 0 && tries < 20; tries++) {
    await Bun.sleep(250);
    left = hostLeaks(before, hostSnapshot());
  }
  return left;
}
