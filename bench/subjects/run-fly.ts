import { join } from "node:path";
import { IMAGE } from "../lab.ts";
import { makeRuncBundle } from "../peers/runc-bundle.ts";
import { call } from "../programs.ts";
import type { Subject } from "../subject.ts";

const GANTRY = "gantry run (fly)";
const CHROOT = "chroot into the unpacked image";

/** A whole run of /bin/true without isolation, from the command to its exit code. */
export const runFly: Subject = {
  name: "run-fly",
  title: "`run /bin/true`, fly regime",
  unit: "ms",
  rounds: 15,
  open: (lab) => {
    const root = join(makeRuncBundle(lab, ["/bin/true"]), "rootfs");
    return Promise.resolve({
      base: CHROOT,
      contenders: [
        { name: GANTRY, run: () => void lab.gantry(["run", "--stage1=fly", IMAGE, "--exec=/bin/true"]) },
        { name: CHROOT, run: () => void call(["chroot", root, "/bin/true"]) },
      ],
      goals: [
        { text: "gantry above chroot", value: (median) => median(GANTRY) - median(CHROOT), limit: 12, unit: "ms" },
      ],
      [Symbol.asyncDispose]: async () => {},
    });
  },
};
