import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { planProcMasks } from "../../src/stage1/kernel-paths.ts";
import { planNspawnArgv } from "../../src/stage1/systemd/nspawn-argv.ts";
import { IMAGE, type Lab } from "../lab.ts";
import { call } from "../programs.ts";

/**
 * A plain directory that systemd-nspawn can boot without Gantry: the stage1 tree, the units and the root file system of a
 * pod that Gantry ran before. Returns the command line that boots it, with a private network.
 */
export function makeBareNspawn(lab: Lab, argv: readonly string[]): string[] {
  const [program = "", ...args] = argv;
  const uuidFile = join(lab.world.dir, "bare.uuid");
  const rest = args.length === 0 ? [] : ["--", ...args];
  lab.gantry(["run", "--net=none", `--uuid-file-save=${uuidFile}`, IMAGE, `--exec=${program}`, ...rest]);
  const pod = join(lab.world.root, "pods/run", readFileSync(uuidFile, "utf8").trim());
  const manifest = JSON.parse(readFileSync(join(pod, "pod.json"), "utf8"));
  const tree = join(lab.world.dir, "bare");
  mkdirSync(tree);
  const copy = (from: string, to: string): unknown => call(["cp", "-a", `${from}/.`, to]);
  for (const layer of manifest.stage1.image.layers) copy(layerTree(lab, layer), tree);
  copy(join(pod, "stage1/upper"), tree);
  for (const app of manifest.apps) {
    const rootfs = join(tree, "opt/stage2", app.name, "rootfs");
    for (const layer of app.image.layers) copy(layerTree(lab, layer), rootfs);
    copy(join(pod, "apps", app.name, "upper"), rootfs);
  }
  for (const dir of ["io", "status"]) mkdirSync(join(tree, "gantry", dir), { recursive: true });
  lab.gantry(["rm", manifest.uuid]);
  return [
    ...planNspawnArgv(manifest, {
      program: "/usr/bin/systemd-nspawn",
      rootfs: tree,
      netns: "host",
      isSystemdHost: false,
      isOwnUnit: false,
      isInteractive: false,
      capabilities: [],
      maskedPaths: planProcMasks((path) =>
        existsSync(path) ? (statSync(path).isDirectory() ? "dir" : "file") : undefined,
      ),
    }),
    "--private-network",
  ];
}

function layerTree(lab: Lab, name: string): string {
  return join(lab.world.root, "layers", name, "tree");
}
