import { kernelPackage } from "../../test/harness/kernel.ts";
import { IMAGE } from "../lab.ts";
import { makeBareGuest } from "../peers/bare-guest.ts";
import type { Subject } from "../subject.ts";

const GANTRY = "gantry run (kvm)";
const BARE = "the same machine booted by hand";

/** A whole run of /bin/true in a virtual machine, from the command to its exit code. */
export const runKvm: Subject = {
  name: "run-kvm",
  title: "`run /bin/true`, kvm regime, no network",
  unit: "ms",
  rounds: 7,
  open: (lab) => {
    lab.gantry(["stage1", "build", "kvm", `--kernel-deb=${kernelPackage()}`]);
    const bare = makeBareGuest(lab, "/bin/true");
    return Promise.resolve({
      base: BARE,
      contenders: [
        {
          name: GANTRY,
          run: () => void lab.gantry(["run", "--stage1=kvm", "--net=none", IMAGE, "--exec=/bin/true"]),
        },
        { name: BARE, run: () => void bare() },
      ],
      goals: [
        {
          text: "gantry against the same machine booted by hand",
          value: (median) => median(GANTRY) / median(BARE),
          limit: 1.15,
          unit: "×",
        },
      ],
      [Symbol.asyncDispose]: async () => {},
    });
  },
};
