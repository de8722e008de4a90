import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { GantryResult } from "../harness/gantry.ts";
import { writeArchive } from "../harness/images.ts";
import { kernelPackage } from "../harness/kernel.ts";
import { LOOSE, type PodFacts } from "../harness/stage1-trial.ts";
import { createWorld, type World } from "../harness/world.ts";
import { perlImage } from "./image.ts";

/** The regimes that come with Gantry, in the order of the tables. */
export const REGIMES = ["systemd", "oci", "gvisor", "kvm", "fly"] as const;

/** One of them. */
export type Regime = (typeof REGIMES)[number];

const IMAGE = "localhost/app:1";

/** A world for one regime, and pods that several behaviours look at, because a machine takes its time to boot. */
export interface RegimeLab extends AsyncDisposable {
  readonly regime: Regime;
  readonly world: World;
  /** Directories of the host that the shared pod has as /www, and read-only as /ro. */
  readonly shared: { readonly www: string; readonly readOnly: string };
  /** Runs a shell script in a pod of its own, in the foreground. */
  run(script: string, flags?: readonly string[], stdin?: string): Promise<GantryResult>;
  /** Two apps, `one` and `two`, in a pod. */
  runTwo(first: string, second: string): Promise<GantryResult>;
  /** Command line of a foreground pod, for behaviours that spawn it themselves. */
  argv(script: string, flags?: readonly string[]): readonly string[];
  /** Starts a script in a pod in the background; the pod is known by `name`. */
  start(name: string, script: string, flags?: readonly string[]): Promise<void>;
  /** The pod that many behaviours look at; the first one starts it. Its app runs as `web` and serves /www at port 8080. */
  main(): Promise<string>;
  /** Runs a shell script in the shared pod. */
  inMain(script: string, flags?: readonly string[], stdin?: string): Promise<GantryResult>;
  status(pod: string): Promise<PodFacts>;
  /** The same once the pod has exited. */
  ended(pod: string): Promise<PodFacts>;
}

/** Port of the host that leads into the shared pod. */
export const MAIN_PORT = 18_443;

/** The host's own address on the default network, where pods reach it. */
export const HOST_ADDRESS = "10.126.0.1";

/** Makes a world in which `regime` can run, with the image stored. */
export async function openRegimeLab(regime: Regime): Promise<RegimeLab> {
  const world = await createWorld();
  if (regime === "kvm") await world.succeed(["stage1", "build", "kvm", `--kernel-deb=${kernelPackage()}`]);
  const image = perlImage([{ path: "work", kind: "dir" }]).withConfig({ workingDir: "/work" });
  await world.succeed([LOOSE, "fetch", `oci-archive:${writeArchive(world, "app", image)}:1`]);
  const shared = { www: join(world.dir, "www"), readOnly: join(world.dir, "read-only") };
  for (const dir of Object.values(shared)) mkdirSync(dir, { mode: 0o777 });
  writeFileSync(join(shared.www, "index.html"), "page\n");
  writeFileSync(join(shared.readOnly, "file"), "from the host\n");
  Bun.spawnSync(["chmod", "--recursive", "777", shared.www, shared.readOnly]);
  const base = [LOOSE, "-q", "run", `--stage1=${regime}`];
  const shell = (script: string) => ["--exec=sh", "--", "-c", script];
  const net = (flags: readonly string[]) => (flags.some((flag) => flag.startsWith("--net")) ? [] : ["--net=none"]);
  const argv = (script: string, flags: readonly string[] = []) => [
    ...[...base, ...net(flags), IMAGE, ...flags],
    ...shell(script),
  ];
  const start = async (name: string, script: string, flags: readonly string[] = []) => {
    await world.succeed([...base, "-d", `--name=${name}`, ...net(flags), IMAGE, ...flags, ...shell(script)]);
  };
  let main: Promise<void> | undefined;
  const ensureMain = async () => {
    main ??= start("main", "echo out; echo err >&2; exec httpd -f -p 8080 -h /www", mainFlags(shared));
    await main;
    return "main";
  };
  const status = async (pod: string) => JSON.parse((await world.succeed(["status", "--json", pod])).stdout) as PodFacts;
  return {
    regime,
    world,
    shared,
    argv,
    start,
    status,
    run: (script, flags = [], stdin) => world.gantry(argv(script, flags), stdin === undefined ? {} : { stdin }),
    runTwo: (first, second) =>
      world.gantry([
        ...[...base, "--net=none", IMAGE, "--app-name=one", ...shell(first), "---"],
        ...[IMAGE, "--app-name=two", ...shell(second)],
      ]),
    main: ensureMain,
    inMain: async (script, flags = [], stdin) =>
      world.gantry(
        ["-q", "exec", ...flags, await ensureMain(), "--", "sh", "-c", script],
        stdin === undefined ? {} : { stdin },
      ),
    ended: async (pod) => {
      await world.succeed(["status", "--wait=60s", pod]);
      return await status(pod);
    },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

function mainFlags({ www, readOnly }: RegimeLab["shared"]): readonly string[] {
  return [
    "--net=default",
    "--hostname=box",
    `--dns=${HOST_ADDRESS}`,
    `--publish=${MAIN_PORT}:8080`,
    `--volume=${www}:/www`,
    `--volume=${readOnly}:/ro:ro`,
    "--mount=type=tmpfs,target=/scratch",
    "--env=A=b c%d$e",
    "--user=web",
    "--readonly-rootfs",
    "--cpus=0.5",
    "--pids-limit=30",
  ];
}
