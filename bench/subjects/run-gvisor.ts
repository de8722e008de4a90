import { IMAGE } from "../lab.ts";
import { makeRuncBundle } from "../peers/runc-bundle.ts";
import { call } from "../programs.ts";
import type { Subject } from "../subject.ts";

const GANTRY = "gantry run (gvisor)";
const RUNSC = "runsc run, bundle prepared";

/** A whole run of /bin/true on gVisor's kernel, from the command to its exit code. */
export const runGvisor: Subject = {
  name: "run-gvisor",
  title: "`run /bin/true`, gvisor regime, no network",
  unit: "ms",
  rounds: 7,
  open: (lab) => {
    const bundle = makeRuncBundle(lab, ["/bin/true"]);
    const gantry = (): undefined =>
      void lab.gantry(["run", "--stage1=gvisor", "--net=none", IMAGE, "--exec=/bin/true"]);
    gantry(); // finds out which platform works here
    const options = [`--platform=${platformInUse(lab.gantry(["stage1", "list", "--json"]))}`, "--ignore-cgroups"];
    const runsc = ["runsc", "--root", `${bundle}.state`, "--network=none", ...options, "run", "--bundle", bundle];
    return Promise.resolve({
      base: RUNSC,
      contenders: [
        { name: GANTRY, run: gantry },
        { name: RUNSC, run: () => void call([...runsc, "bench"]) },
      ],
      goals: [],
      [Symbol.asyncDispose]: async () => {},
    });
  },
};

/** The first platform that `stage1 list` gives a time for. */
function platformInUse(listed: string): string {
  const regimes: readonly { readonly regime: string; readonly host: string }[] = JSON.parse(listed);
  const host = regimes.find(({ regime }) => regime === "gvisor")?.host ?? "";
  const platform = /runsc \((\w+)[^)]*\) \d+ ms/.exec(host)?.[1];
  if (platform === undefined) throw new Error(`no platform of gVisor works here: ${host}`);
  return platform;
}
