import { IMAGE } from "../lab.ts";
import { makeBareNspawn } from "../peers/bare-nspawn.ts";
import { loadIntoPodman, openPodman, PODMAN_LIMITS } from "../peers/podman.ts";
import { makeRuncBundle } from "../peers/runc-bundle.ts";
import { call } from "../programs.ts";
import type { Subject } from "../subject.ts";

const GANTRY = "gantry run (systemd)";
const NSPAWN = "bare systemd-nspawn --boot";
const PODMAN = "podman --runtime=runc run --rm";

/** A whole run of /bin/true without a network, from the command to its exit code. */
export const runSystemd: Subject = {
  name: "run-systemd",
  title: "`run /bin/true`, systemd regime, no network",
  unit: "ms",
  rounds: 15,
  open: (lab) => {
    const stack = new AsyncDisposableStack();
    const bare = makeBareNspawn(lab, ["/bin/true"]);
    const bundle = makeRuncBundle(lab, ["/bin/true"]);
    const podman = stack.use(openPodman());
    const podmanImage = loadIntoPodman(podman, lab);
    return Promise.resolve({
      base: NSPAWN,
      contenders: [
        { name: GANTRY, run: () => void lab.gantry(["run", "--net=none", IMAGE, "--exec=/bin/true"]) },
        { name: NSPAWN, run: () => void call(bare) },
        {
          name: PODMAN,
          run: () => void podman.call(["run", "--rm", "--net=none", ...PODMAN_LIMITS, podmanImage, "/bin/true"]),
        },
        {
          name: "runc run, bundle prepared",
          run: () => void call(["runc", "--root", `${bundle}.state`, "run", "--bundle", bundle, "bench"]),
        },
      ],
      goals: [
        {
          text: "gantry against bare systemd-nspawn",
          value: (median) => median(GANTRY) / median(NSPAWN),
          limit: 1.15,
          unit: "×",
        },
        { text: "gantry against podman", value: (median) => median(GANTRY) / median(PODMAN), limit: 1, unit: "×" },
      ],
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    });
  },
};
