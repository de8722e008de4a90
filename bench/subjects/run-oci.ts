import { IMAGE } from "../lab.ts";
import { loadIntoPodman, openPodman, PODMAN_LIMITS } from "../peers/podman.ts";
import { makeRuncBundle } from "../peers/runc-bundle.ts";
import { call } from "../programs.ts";
import type { Subject } from "../subject.ts";

const GANTRY = "gantry run (oci)";
const PODMAN = "podman --runtime=runc run --rm";
const RUNC = "runc run, bundle prepared";

/** A whole run of /bin/true in a container, from the command to its exit code. */
export const runOci: Subject = {
  name: "run-oci",
  title: "`run /bin/true`, oci regime, no network",
  unit: "ms",
  rounds: 15,
  open: (lab) => {
    const stack = new AsyncDisposableStack();
    const bundle = makeRuncBundle(lab, ["/bin/true"]);
    const podman = stack.use(openPodman());
    const image = loadIntoPodman(podman, lab);
    return Promise.resolve({
      base: RUNC,
      contenders: [
        {
          name: GANTRY,
          run: () => void lab.gantry(["run", "--stage1=oci", "--net=none", IMAGE, "--exec=/bin/true"]),
        },
        { name: RUNC, run: () => void call(["runc", "--root", `${bundle}.state`, "run", "--bundle", bundle, "bench"]) },
        {
          name: PODMAN,
          run: () => void podman.call(["run", "--rm", "--net=none", ...PODMAN_LIMITS, image, "/bin/true"]),
        },
      ],
      goals: [
        { text: "gantry above runc alone", value: (median) => median(GANTRY) - median(RUNC), limit: 20, unit: "ms" },
        { text: "gantry against podman", value: (median) => median(GANTRY) / median(PODMAN), limit: 0.25, unit: "×" },
      ],
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    });
  },
};
