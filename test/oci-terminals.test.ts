import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { gantryArgv, gantryEnv } from "./harness/gantry.ts";
import { LOOSE, makeTrial, type Stage1Trial, until } from "./harness/stage1-trial.ts";
import { gantryOnTerminal } from "./harness/terminal.ts";
import { createWorld, type World } from "./harness/world.ts";

const TIMEOUT_MS = 120_000;

let world: World;
let trial: Stage1Trial;

beforeAll(async () => {
  world = await createWorld();
  trial = await makeTrial(world, "oci");
}, TIMEOUT_MS);

afterAll(async () => {
  await world[Symbol.asyncDispose]();
}, TIMEOUT_MS);

const options = () => ({ root: world.root, config: world.config });

for (const more of [["--stage1=oci", "--runtime=crun"], ["--stage1=oci", "--runtime=runc"], ["--stage1=gvisor"]]) {
  const regime = more.join(" ");

  test(
    `${regime}: run -t gives the app this terminal, and its size follows`,
    async () => {
      const run = [LOOSE, "-q", "run", "-t", ...more, "--net=none", "localhost/app:1", "--exec=sh"];
      await using shell = gantryOnTerminal(run, options());
      await shell.waitFor("# ");
      await Bun.sleep(300); // a runtime may throw away what was typed before it took over the terminal
      shell.type("stty size; echo $TERM\r");
      await shell.waitFor("30 100");
      await shell.waitFor("xterm");
      shell.resize(90, 20);
      shell.type("sleep 0.3; stty size\r");
      await shell.waitFor("20 90");
      shell.type("sleep 60\r");
      await shell.waitFor("sleep 60");
      await Bun.sleep(300);
      shell.type("\u0003");
      shell.type("exit 7\r");
      expect(await shell.exited).toBe(7);
    },
    TIMEOUT_MS,
  );

  test(
    `${regime}: a terminal in the background is attached to, left, and attached to again`,
    async () => {
      const pod = await trial.start("exec sh", ["-it", ...more]);
      await using first = gantryOnTerminal(["attach", pod], options());
      first.type("echo $((40 + 2)); stty size; mark=kept\r");
      await first.waitFor("42");
      await first.waitFor("30 100");
      first.type("\u0010\u0011");
      expect(await first.exited).toBe(0);
      await using second = gantryOnTerminal(["attach", pod], options());
      second.type("echo $mark.\r");
      await second.waitFor("kept.");
      second.resize(77, 11);
      second.type("sleep 0.5; stty size\r");
      await second.waitFor("11 77");
      second.type("exit 5\r");
      expect(await second.exited).toBe(5);
      expect((await trial.ended(pod)).exitCode).toBe(5);
      expect((await world.succeed(["logs", pod])).stdout).toContain("kept.");
    },
    TIMEOUT_MS,
  );

  test(
    `${regime}: input kept open in the background reaches the app; output and error stay apart`,
    async () => {
      const script = "while read -r line; do echo got $line; echo err $line >&2; [ $line = end ] && exit 3; done";
      const pod = await trial.start(script, ["-i", ...more]);
      const once = await world.gantry(["-q", "attach", pod], { stdin: "end\n" });
      expect([once.stdout, once.stderr, once.exitCode]).toEqual(["got end\n", "err end\n", 3]);
      const shown = await world.succeed(["logs", pod]);
      expect([shown.stdout, shown.stderr]).toEqual(["got end\n", "err end\n"]);
    },
    TIMEOUT_MS,
  );
}

test.each([["--runtime=crun"], ["--runtime=runc"]])(
  "%s: signals to a pod in the foreground reach the app",
  async (by) => {
    const script =
      "trap 'echo one' USR1; trap 'echo two' USR2; trap 'echo term; exit 4' TERM; echo up; while :; do sleep 0.1; done";
    const run = [
      LOOSE,
      "-q",
      "run",
      "--stage1=oci",
      by,
      "--net=none",
      "localhost/app:1",
      "--exec=sh",
      "--",
      "-c",
      script,
    ];
    const child = Bun.spawn(gantryArgv(run, options()), { env: gantryEnv(), stdin: "ignore", stdout: "pipe" });
    await using _ = { [Symbol.asyncDispose]: async () => child.kill("SIGKILL") };
    let output = "";
    const reading = (async () => {
      for await (const chunk of child.stdout) output += new TextDecoder().decode(chunk);
    })();
    for (const [signal, said] of [
      [undefined, "up"],
      ["SIGUSR1", "one"],
      ["SIGUSR2", "two"],
      ["SIGTERM", "term"],
    ] as const) {
      // The app may be faster than the launcher is in becoming the shell that waits.
      if (signal === "SIGUSR1") await Bun.sleep(500);
      if (signal !== undefined) child.kill(signal);
      await until(async () => output.includes(`${said}\n`));
    }
    expect(await child.exited).toBe(4);
    await reading;
    expect(output).toBe("up\none\ntwo\nterm\n");
  },
  TIMEOUT_MS,
);

test(
  "a processor limit is in force, and update changes it",
  async () => {
    const quotaOf = (pid: number | undefined) => {
      const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
      const [, , path = ""] =
        lines.find((line) => /:(cpu|cpu,cpuacct|):/.test(line) && line.includes("gantry"))?.split(":") ?? [];
      for (const file of [`/sys/fs/cgroup/cpu${path}/cpu.cfs_quota_us`, `/sys/fs/cgroup${path}/cpu.max`]) {
        const shown = Bun.spawnSync(["cat", file]).stdout.toString().trim();
        if (shown !== "") return Number(shown.split(" ")[0]);
      }
      return undefined;
    };
    for (const runtime of ["crun", "runc"]) {
      const pod = await trial.start("while :; do :; done", [`--runtime=${runtime}`, "--cpus=0.25"]);
      const [app] = (await trial.status(pod)).apps;
      expect(`${runtime}: ${quotaOf(app?.pid)}`).toBe(`${runtime}: 25000`);
      await world.succeed(["update", "--cpus=0.5", pod]);
      expect(quotaOf(app?.pid)).toBe(50_000);
      await world.succeed(["stop", "--force", pod]);
    }
  },
  TIMEOUT_MS,
);

test(
  "what has no terminal or cannot keep one is told so",
  async () => {
    const none = await trial.sh("true", ["-t"]);
    expect([none.exitCode, none.stderr.includes("this call has none")]).toEqual([254, true]);
    const other = await world.gantry([LOOSE, "-q", "run", "-dit", "--stage1=systemd", "--net=none", "localhost/app:1"]);
    expect([other.exitCode, other.stderr.includes("keep the input or a terminal")]).toEqual([254, true]);
  },
  TIMEOUT_MS,
);
