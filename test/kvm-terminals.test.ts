import { afterAll, beforeAll, expect, test } from "bun:test";
import { kernelPackage } from "./harness/kernel.ts";
import { LOOSE, makeTrial, type Stage1Trial } from "./harness/stage1-trial.ts";
import { gantryOnTerminal } from "./harness/terminal.ts";
import { createWorld, type World } from "./harness/world.ts";

const TIMEOUT_MS = 180_000;
/** A guest that is emulated on a busy machine boots slowly. */
const BOOT_MS = 120_000;

let world: World;
let trial: Stage1Trial;

beforeAll(async () => {
  world = await createWorld();
  await world.succeed(["stage1", "build", "kvm", `--kernel-deb=${kernelPackage()}`]);
  trial = await makeTrial(world, "kvm");
}, TIMEOUT_MS);

afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
}, TIMEOUT_MS);

const options = () => ({ root: world.root, config: world.config, waitMs: BOOT_MS });

test(
  "kvm: run -it gives the app this terminal; its size follows, and it is left and attached to again",
  async () => {
    const run = [LOOSE, "-q", "run", "-it", "--stage1=kvm", "--name=here", "--net=none", "localhost/app:1"];
    await using shell = gantryOnTerminal([...run, "--user=web", "--exec=sh"], options());
    await shell.waitFor("$ ");
    shell.type("stty size; tty; echo $TERM; mark=kept\r");
    await shell.waitFor("30 100");
    await shell.waitFor("/dev/console\r\nxterm");
    shell.type("sh -c \"trap 'echo changed; stty size' WINCH; echo rea''dy; while :; do sleep 0.1; done\"\r");
    await shell.waitFor("ready");
    shell.resize(90, 20);
    await shell.waitFor("changed\r\n20 90");
    shell.type("\u0003");
    shell.type("echo after $?.\r");
    await shell.waitFor("after 130.");
    shell.type("\u0010\u0011");
    expect(await shell.exited).toBe(0);

    await using again = gantryOnTerminal(["attach", "here"], options());
    again.type("echo $mark.\r");
    await again.waitFor("kept.");
    expect(again.shown()).not.toContain("after 130"); // only what comes from now on
    again.type("exit 7\r");
    expect(await again.exited).toBe(7);
    expect((await trial.ended("here")).exitCode).toBe(7);
    const logs = (await world.succeed(["logs", "here"])).stdout;
    expect([logs.includes("after 130."), logs.includes("kept.")]).toEqual([true, true]);
  },
  TIMEOUT_MS,
);

test(
  "kvm: a terminal in the background waits for somebody to attach; exec -it has one of its own, which changes its size",
  async () => {
    const pod = await trial.start("read -r line; echo got $line; sleep 2; stty size; exit 5", ["-it"]);
    await using inside = gantryOnTerminal(["exec", "-it", pod, "sh"], options());
    await inside.waitFor("# ");
    inside.type("stty size; tty\r");
    await inside.waitFor("30 100");
    await inside.waitFor("/dev/pts/0");
    inside.resize(77, 11);
    inside.type("sleep 1; stty size\r");
    await inside.waitFor("11 77");
    inside.type("exit 3\r");
    expect(await inside.exited).toBe(3);
    await using attached = gantryOnTerminal(["attach", pod], options());
    attached.type("a line\r");
    await attached.waitFor("got a line\r\n30 100");
    expect(await attached.exited).toBe(5);
  },
  TIMEOUT_MS,
);

test(
  "kvm: input kept open in the background reaches the app; output and error stay apart",
  async () => {
    const script = "while read -r line; do echo got $line; echo err $line >&2; [ $line = end ] && exit 3; done";
    const pod = await trial.start(script, ["-i"]);
    const first = await world.gantry(["-q", "attach", pod], { stdin: "one\nend\n" });
    expect([first.stdout, first.stderr, first.exitCode]).toEqual(["got one\ngot end\n", "err one\nerr end\n", 3]);
    const logs = await world.succeed(["logs", pod]);
    expect([logs.stdout, logs.stderr]).toEqual(["got one\ngot end\n", "err one\nerr end\n"]);
  },
  TIMEOUT_MS,
);

test(
  "kvm: the pod ends with the terminal, and ctrl-c before the app runs ends it as well",
  async () => {
    const app = ["localhost/app:1", "--exec=sh", "--", "-c", "echo up; exec sleep 600"];
    const run = (name: string) =>
      gantryOnTerminal([LOOSE, "-q", "run", "-it", "--stage1=kvm", `--name=${name}`, "--net=none", ...app], options());
    await using closed = run("closed");
    await using early = run("early");
    while (!(await stateOf("early"))?.startsWith("running")) await Bun.sleep(50);
    early.type("\u0003");
    expect([143, 255]).toContain(await early.exited); // ended by its stop signal, or before it was started
    await closed.waitFor("up\r\n");
    process.kill(closed.pid, "SIGHUP");
    expect(await closed.exited).toBe(143);
    expect([await stateOf("closed"), await stateOf("early")].filter((state) => state === "running")).toEqual([]);
  },
  TIMEOUT_MS,
);

async function stateOf(name: string): Promise<string | undefined> {
  const listed = JSON.parse((await world.succeed(["list", "--json"])).stdout) as {
    readonly name?: string;
    readonly state: string;
  }[];
  return listed.find((pod) => pod.name === name)?.state;
}

test("kvm: several apps cannot have a terminal, and the terminal has to be there", async () => {
  const app = (name: string) => ["localhost/app:1", `--app-name=${name}`, "--exec=sh"];
  const run = [LOOSE, "-q", "run", "--stage1=kvm", "--net=none"];
  const two = await world.gantry([...run, "-dt", ...app("one"), "---", ...app("two")]);
  expect([two.exitCode, two.stderr]).toEqual([254, expect.stringContaining("leave out --tty")]);
  const none = await world.gantry([...run, "-it", ...app("one")]);
  expect([none.exitCode, none.stderr]).toEqual([254, expect.stringContaining("this call has none")]);
  const listed = JSON.parse((await world.succeed(["list", "--json"])).stdout) as { readonly state: string }[];
  expect(listed.filter((pod) => pod.state !== "exited")).toEqual([]);
});
