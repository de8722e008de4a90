import { IMAGE } from "../lab.ts";
import { makeBareNspawn } from "../peers/bare-nspawn.ts";
import { openCniByHand } from "../peers/cni-by-hand.ts";
import { loadIntoPodman, openPodman, PODMAN_LIMITS } from "../peers/podman.ts";
import { call } from "../programs.ts";
import type { Subject } from "../subject.ts";

const GANTRY = "gantry run (systemd), default network";
const GANTRY_NONE = "gantry run (systemd), no network";
const NSPAWN = "bare systemd-nspawn --boot";
const CNI = "the CNI plugins by hand, ADD and DEL";

/** What the default network costs. A `run` takes back the network of the run before, so DEL is part of it. */
export const runDefaultNetwork: Subject = {
  name: "run-default-network",
  title: "`run /bin/true`, systemd regime, default network",
  unit: "ms",
  rounds: 15,
  open: (lab) => {
    const stack = new AsyncDisposableStack();
    const bare = makeBareNspawn(lab, ["/bin/true"]);
    const cni = stack.use(openCniByHand(lab));
    const podman = stack.use(openPodman());
    const podmanImage = loadIntoPodman(podman, lab);
    const gantry = (net: string): undefined => void lab.gantry(["run", `--net=${net}`, IMAGE, "--exec=/bin/true"]);
    return Promise.resolve({
      base: NSPAWN,
      contenders: [
        { name: GANTRY, before: () => gantry("default"), run: () => gantry("default") },
        { name: GANTRY_NONE, before: () => gantry("none"), run: () => gantry("none") },
        { name: NSPAWN, run: () => void call(bare) },
        { name: CNI, run: () => void cni.addAndDelete() },
        {
          name: "podman --runtime=runc run --rm, its default network",
          run: () => void podman.call(["run", "--rm", ...PODMAN_LIMITS, podmanImage, "/bin/true"]),
        },
      ],
      goals: [
        {
          text: "default network above no network and the plugins' own time",
          value: (median) => median(GANTRY) - median(GANTRY_NONE) - median(CNI),
          limit: 5,
          unit: "ms",
        },
      ],
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    });
  },
};
