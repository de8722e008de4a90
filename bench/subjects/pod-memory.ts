import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { kernelPackage } from "../../test/harness/kernel.ts";
import { IMAGE, type Lab } from "../lab.ts";
import { proportionalMb } from "../peak-memory.ts";
import { runUnderContainerd } from "../peers/containerd.ts";
import { loadIntoPodman, openPodman, PODMAN_LIMITS } from "../peers/podman.ts";
import type { Contender, Subject } from "../subject.ts";

const REGIMES = ["systemd", "oci", "gvisor", "kvm", "fly"] as const;
const BASE = "podman: conmon";
const JAVASCRIPT = "gantry: JavaScript, all regimes together";
const SLEEP = ["/bin/sleep", "1000"] as const;

/** What an idle pod keeps in memory: proportional set sizes, so that shared pages count once. */
export const podMemory: Subject = {
  name: "pod-memory",
  title: "Memory that an idle, detached pod holds beside its app",
  unit: "MB",
  rounds: 3,
  open: async (lab) => {
    const stack = new AsyncDisposableStack();
    lab.gantry(["stage1", "build", "kvm", `--kernel-deb=${kernelPackage()}`]);
    const podman = stack.use(openPodman());
    const image = loadIntoPodman(podman, lab);
    const pods = REGIMES.map((regime) => ({ regime, uuid: startPod(lab, regime) }));
    stack.defer(() => void lab.gantry(["stop", "--force", ...pods.map(({ uuid }) => uuid)]));
    const container = podman.call(["run", "-d", "--net=none", ...PODMAN_LIMITS, image, ...SLEEP]).trim();
    const { container: task } = stack.use(await runUnderContainerd(lab, SLEEP));
    const gantryBinary = lab.gantryArgv([])[0];
    const contenders: Contender[] = [
      ...pods.map(({ regime, uuid }) => ({ name: `gantry: ${regime}`, run: () => sum(processesOf(uuid), isNotApp) })),
      {
        name: JAVASCRIPT,
        run: () =>
          sum(
            pods.flatMap(({ uuid }) => processesOf(uuid)),
            ({ program }) => program === gantryBinary,
          ),
      },
      { name: BASE, run: () => sum(processesOf(container), isNotApp) },
      { name: "containerd: its shim", run: () => sum(processesOf(task), isNotApp) },
    ];
    return {
      base: BASE,
      contenders,
      goals: [{ text: "JavaScript that stays", value: (median) => median(JAVASCRIPT), limit: 0, unit: "MB" }],
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  },
};

function startPod(lab: Lab, regime: string): string {
  const uuidFile = join(lab.world.dir, `memory-${regime}.uuid`);
  const [program, ...args] = SLEEP;
  const flags = [`--stage1=${regime}`, "--net=none", `--uuid-file-save=${uuidFile}`];
  lab.gantry(["run", "-d", ...flags, IMAGE, `--exec=${program}`, "--", ...args]);
  return readFileSync(uuidFile, "utf8").trim();
}

interface Process {
  readonly pid: number;
  readonly program: string;
}

function isNotApp({ program }: Process): boolean {
  return !/\/busybox$/.test(program);
}

function sum(some: readonly Process[], wanted: (one: Process) => boolean): number {
  return some.filter(wanted).reduce((total, { pid }) => total + proportionalMb(pid), 0);
}

/** Processes that bear the pod's name in their command line or their cgroup. */
function processesOf(id: string): Process[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const known = ["cmdline", "cgroup"].some((file) => readFileSync(`/proc/${name}/${file}`, "utf8").includes(id));
      return known ? [{ pid: Number(name), program: readlinkSync(`/proc/${name}/exe`) }] : [];
    } catch {
      return []; // a kernel thread, or it has just ended
    }
  });
}
