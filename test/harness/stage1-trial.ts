import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { GantryResult } from "./gantry.ts";
import { busyboxImage, writeArchive } from "./images.ts";
import type { World } from "./world.ts";

/** Flag that lets unsigned test images pass. */
export const LOOSE = "--insecure-options=image";

/** What a behaviour is tried with. */
export interface Stage1Trial {
  readonly world: World;
  /** Runs busybox's shell with `script` in a pod of the regime under test; `flags` stand before the script. */
  sh(script: string, flags?: readonly string[]): Promise<GantryResult>;
  /** What the same prints; anything but exit code 0 fails. */
  shown(script: string, flags?: readonly string[]): Promise<string>;
  /** The same in the background; returns the UUID. */
  start(script: string, flags?: readonly string[]): Promise<string>;
  /** A pod of two apps, `one` and `two`. */
  two(first: string, second: string): Promise<GantryResult>;
  status(pod: string): Promise<PodFacts>;
  /** Polls until the pod has exited. */
  ended(pod: string): Promise<PodFacts>;
}

/** The part of `status --json` behaviours look at. */
export interface PodFacts {
  readonly state: string;
  readonly pid?: number;
  readonly paused?: boolean;
  readonly exitCode?: number;
  readonly apps: readonly {
    readonly name: string;
    readonly state: string;
    readonly pid?: number;
    readonly exitCode?: number;
    readonly oomKilled?: boolean;
  }[];
}

const REGIMES = new WeakMap<World, string>();

/** The flag that chooses the stage1 on trial. */
export function regimeOf(world: World): readonly string[] {
  return [`--stage1=${REGIMES.get(world) ?? ""}`];
}

/** A trial of a stage1 in `world`, with the test image stored as `localhost/app:1`. */
export async function makeTrial(world: World, stage1: string): Promise<Stage1Trial> {
  REGIMES.set(world, stage1);
  await world.succeed([LOOSE, "fetch", `oci-archive:${writeArchive(world, "app", busyboxImage())}:1`]);
  const base = ["run", `--stage1=${stage1}`];
  const image = "localhost/app:1";
  const quiet = [LOOSE, "-q"];
  const net = (flags: readonly string[]) => (flags.some((flag) => flag.startsWith("--net")) ? [] : ["--net=none"]);
  const line = (script: string, flags: readonly string[]) =>
    flags.some((flag) => flag.startsWith("--exec"))
      ? [image, ...net(flags), ...flags]
      : [image, ...net(flags), ...flags, "--exec=sh", "--", "-c", script];
  const status = async (pod: string) => JSON.parse((await world.succeed(["status", "--json", pod])).stdout) as PodFacts;
  const sh: Stage1Trial["sh"] = (script, flags = []) => world.gantry([...quiet, ...base, ...line(script, flags)]);
  return {
    world,
    sh,
    shown: async (script, flags) => {
      const ran = await sh(script, flags);
      if (ran.exitCode === 0) return ran.stdout;
      throw new Error(`${script} ended with ${ran.exitCode}: ${ran.stdout}${ran.stderr}`);
    },
    start: async (script, flags = []) =>
      (await world.succeed([...quiet, ...base, "-d", ...line(script, flags)])).stdout.trim(),
    two: (first, second) => {
      const app = (name: string, script: string) => [image, `--app-name=${name}`, "--exec=sh", "--", "-c", script];
      return world.gantry([...quiet, ...base, "--net=none", ...app("one", first), "---", ...app("two", second)]);
    },
    status,
    ended: async (pod) => {
      await world.succeed(["status", "--wait=60s", pod]);
      return await status(pod);
    },
  };
}

/** Polls for some seconds. */
export async function until(isTrue: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (await isTrue()) return;
    await sleep(50);
  }
  throw new Error("waited in vain");
}

/** Program of a process of the host. */
export function commandOf(pid: number | undefined): string {
  return readFileSync(`/proc/${pid ?? 0}/cmdline`, "utf8").split("\0")[0] ?? "";
}

/** State letter of a process of the host; undefined when it is gone. */
export function stateOf(pid: number): string | undefined {
  try {
    return /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  } catch {
    return undefined; // gone
  }
}
