import { IMAGE } from "../lab.ts";
import { loadIntoPodman, openPodman, PODMAN_LIMITS } from "../peers/podman.ts";
import type { Subject } from "../subject.ts";

const COUNT = 32;

/** From the first start to the last end: who waits for whom shows here. */
export const runMany: Subject = {
  name: "run-32-at-once",
  title: `${COUNT} times \`run /bin/true\` at once, no network`,
  unit: "ms",
  rounds: 3,
  open: (lab) => {
    const stack = new AsyncDisposableStack();
    const podman = stack.use(openPodman());
    const image = loadIntoPodman(podman, lab);
    const gantry = lab.gantryArgv(["run", "--net=none", IMAGE, "--exec=/bin/true"]);
    const theirs = podman.argv(["run", "--rm", "--net=none", ...PODMAN_LIMITS, image, "/bin/true"]);
    return Promise.resolve({
      base: "podman",
      contenders: [
        {
          name: "gantry (systemd)",
          before: () => void lab.gantry(["gc", "--grace-period=0s"]),
          run: () => manyAtOnce(gantry, lab.gantryEnv()),
        },
        { name: "podman", run: () => manyAtOnce(theirs, process.env) },
      ],
      goals: [
        {
          text: "gantry against podman",
          value: (median) => median("gantry (systemd)") / median("podman"),
          limit: 1,
          unit: "×",
        },
      ],
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    });
  },
};

async function manyAtOnce(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<undefined> {
  const stdio = { stdin: "ignore", stdout: "ignore", stderr: "pipe" } as const;
  const children = Array.from({ length: COUNT }, () => Bun.spawn([...argv], { env: { ...env }, ...stdio }));
  for (const child of children) {
    const stderr = await new Response(child.stderr).text();
    if ((await child.exited) !== 0) throw new Error(`${argv.join(" ")} ended with ${child.exitCode}: ${stderr}`);
  }
}
