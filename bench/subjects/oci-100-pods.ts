import { IMAGE, type Lab } from "../lab.ts";
import { loadIntoPodman, openPodman, PODMAN_LIMITS } from "../peers/podman.ts";
import type { Subject } from "../subject.ts";

const COUNT = 100;
const GANTRY = `gantry: ${COUNT} pods (oci)`;
const PODMAN = `podman: ${COUNT} containers`;
const GANTRY_GROWTH = "gantry: what 100 running pods add to a start";
const PODMAN_GROWTH = "podman: what 100 running containers add to a start";

/** As many starts at a time as there are cores, until all run; and whether a start takes longer the more are there. */
export const hundredPods: Subject = {
  name: "oci-100-pods",
  title: `${COUNT} detached pods in the oci regime, no network, ${navigator.hardwareConcurrency} starts at a time`,
  unit: "ms",
  rounds: 2,
  open: (lab) => {
    const stack = new AsyncDisposableStack();
    const podman = stack.use(openPodman());
    const image = loadIntoPodman(podman, lab);
    const ours = lab.gantryArgv([
      ...["run", "-d", "--stage1=oci", "--net=none", IMAGE],
      ...["--exec=/bin/sleep", "--", "1000"],
    ]);
    const theirs = podman.argv(["run", "-d", "--net=none", ...PODMAN_LIMITS, image, "/bin/sleep", "1000"]);
    const gantry = starts(ours, lab.gantryEnv());
    const containers = starts(theirs, process.env);
    stack.defer(() => stopAll(lab));
    const clear = (): void => {
      stopAll(lab);
      podman.call(["rm", "--all", "--force", "--time=0"]);
    };
    return Promise.resolve({
      base: PODMAN,
      contenders: [
        { name: GANTRY, before: clear, run: gantry.all },
        { name: PODMAN, before: clear, run: containers.all },
        { name: GANTRY_GROWTH, run: gantry.growth },
        { name: PODMAN_GROWTH, run: containers.growth },
      ],
      goals: [
        { text: "gantry against podman", value: (median) => median(GANTRY) / median(PODMAN), limit: 1, unit: "×" },
      ],
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    });
  },
};

function stopAll(lab: Lab): void {
  const pods: readonly { readonly uuid: string; readonly state: string }[] = JSON.parse(lab.gantry(["list", "--json"]));
  const running = pods.filter(({ state }) => state === "running").map(({ uuid }) => uuid);
  if (running.length > 0) lab.gantry(["stop", "--force", ...running]);
  lab.gantry(["gc", "--grace-period=0s"]);
}

/** `all` starts them and returns the time it took; `growth` is the slope of that, from none running to all. */
function starts(argv: readonly string[], env: Readonly<Record<string, string | undefined>>) {
  let times: number[] = [];
  const one = async (): Promise<void> => {
    const from = performance.now();
    const child = Bun.spawn([...argv], { env: { ...env }, stdin: "ignore", stdout: "ignore", stderr: "pipe" });
    const stderr = await new Response(child.stderr).text();
    if ((await child.exited) !== 0) throw new Error(`${argv.join(" ")} ended with ${child.exitCode}: ${stderr}`);
    times.push(performance.now() - from);
  };
  const worker = async (share: number): Promise<void> => {
    for (let i = 0; i < share; i++) await one();
  };
  return {
    all: async (): Promise<undefined> => {
      times = [];
      const workers = navigator.hardwareConcurrency;
      await Promise.all(Array.from({ length: workers }, (_, i) => worker(Math.floor((COUNT + i) / workers))));
    },
    growth: (): number => slope(times) * COUNT,
  };
}

/** Least squares, per step. */
function slope(values: readonly number[]): number {
  const meanX = (values.length - 1) / 2;
  const meanY = values.reduce((sum, y) => sum + y, 0) / values.length;
  const covariance = values.reduce((sum, y, x) => sum + (x - meanX) * (y - meanY), 0);
  return covariance / values.reduce((sum, _, x) => sum + (x - meanX) ** 2, 0);
}
