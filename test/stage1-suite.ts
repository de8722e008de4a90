import { afterAll, beforeAll, expect, test } from "bun:test";
import { setTimeout as sleep } from "node:timers/promises";
import { commandOf, LOOSE, makeTrial, regimeOf, type Stage1Trial, stateOf, until } from "./harness/stage1-trial.ts";
import { createWorld, type World } from "./harness/world.ts";

const TIMEOUT_MS = 180_000;

/** One thing every stage1 has to do, driven through the binary. Spec: docs/stage1-contract.md. */
export interface Stage1Behaviour {
  readonly name: string;
  check(trial: Stage1Trial): Promise<void>;
}

/** Behaviours in the order of the contract. Names are stable: skips and the table of regimes refer to them. */
export const STAGE1_BEHAVIOURS: readonly Stage1Behaviour[] = [
  {
    name: "exit codes come back exactly, also those of signals",
    async check({ sh }) {
      // At once: a virtual machine takes seconds to boot.
      const scripts = ["exit 0", "exit 7", "exit 255", "sh -c 'kill -9 $$'; exit $?"];
      const codes = await Promise.all(scripts.map(async (script) => (await sh(script)).exitCode));
      expect(codes).toEqual([0, 7, 255, 137]);
    },
  },
  {
    name: "environment, user, groups and working directory are what was asked for",
    async check({ sh }) {
      const flags = ["-e", "A=b c%d$e", "--user=web", "--working-dir=/tmp"];
      const ran = await sh('env | grep -v "^\\(PWD\\|SHLVL\\|OLDPWD\\)=" | sort; id -u; id -g; id -G; pwd', flags);
      expect(ran.stdout.trim().split("\n")).toEqual([
        "A=b c%d$e",
        "AC_APP_NAME=app",
        "HOME=/home/web",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "container=gantry",
        "1000",
        "1001",
        "1001 2000",
        "/tmp",
      ]);
    },
  },
  {
    name: "standard output and error stay apart, in the foreground and in the log",
    async check({ sh, start, ended, world }) {
      const [both, pod] = await Promise.all([
        sh("echo out; echo err >&2"),
        start("echo out; echo err >&2; printf unended"),
      ]);
      expect([both.stdout, both.stderr]).toEqual(["out\n", "err\n"]);
      await ended(pod);
      const logs = await world.succeed(["logs", pod]);
      expect([logs.stdout, logs.stderr]).toEqual(["out\nunended", "err\n"]);
      expect((await world.succeed(["logs", "--tail=1", "--stream=stderr", pod])).stderr).toBe("err\n");
    },
  },
  {
    name: "standard input reaches the app and ends with it",
    async check({ world }) {
      const piped = ["run", "-i", "localhost/app:1", "--net=none", ...regimeOf(world), "--exec=cat"];
      expect((await world.succeed([LOOSE, "-q", ...piped], { stdin: "over\n" })).stdout).toBe("over\n");
    },
  },
  {
    name: "a failing app ends the pod with its code, a finished one does not",
    async check({ two }) {
      const [failed, later] = await Promise.all([two("sleep 30", "exit 9"), two("exit 0", "sleep 0.5; echo later")]);
      expect(failed.exitCode).toBe(9);
      expect([later.exitCode, later.stdout]).toEqual([0, "later\n"]);
    },
  },
  {
    name: "apps of a pod share network and host name, not files",
    async check({ two }) {
      const ran = await two(
        "echo secret > /mine; sleep 2",
        "sleep 0.5; cat /mine 2>/dev/null; hostname; ip -o link | wc -l",
      );
      expect(ran.stdout).toMatch(/^gantry-[0-9a-f-]+\n1\n$/);
    },
  },
  {
    name: "apps of a pod do not see each other's processes",
    async check({ two }) {
      const ran = await two("sleep 2; true", "sleep 0.5; ps | grep -v grep | grep -c 'sleep 2'");
      expect(ran.stdout).toBe("0\n");
    },
  },
  {
    name: "a running pod is listed with supervisor and apps",
    async check({ start, status, world }) {
      const pod = await start("sleep 60");
      const facts = await status(pod);
      expect(facts.state).toBe("running");
      expect(facts.apps.map((app) => [app.name, app.state])).toEqual([["app", "running"]]);
      expect(commandOf(facts.pid)).not.toMatch(/gantry$|bun/);
      await world.succeed(["stop", "--force", pod]);
    },
  },
  {
    name: "exec runs inside the app with its own environment, user and exit code",
    async check({ start, world }) {
      const pod = await start("echo mark > /tmp/mark; sleep 60", ["-e", "APP=1"]);
      const inside = (args: readonly string[], script: string) =>
        world.gantry(["-q", "exec", ...args, pod, "--", "sh", "-c", script]);
      await until(async () => (await inside([], "cat /tmp/mark")).stdout === "mark\n");
      const ran = await inside(["-e", "MORE=2", "-u", "web", "-w", "/tmp"], "echo $APP$MORE; id -u; pwd; exit 5");
      expect([ran.stdout, ran.exitCode]).toEqual(["12\n1000\n/tmp\n", 5]);
      const apart = await inside([], "echo o; echo e >&2");
      expect([apart.stdout, apart.stderr]).toEqual(["o\n", "e\n"]);
      const piped = await world.succeed(["exec", "-i", pod, "cat"], { stdin: "in\n" });
      expect(piped.stdout).toBe("in\n");
      expect((await world.gantry(["exec", pod, "nosuch"])).exitCode).toBe(254);
      await world.succeed(["stop", "--force", pod]);
    },
  },
  {
    name: "exec has no more rights than the app",
    async check({ start, world }) {
      const pod = await start("sleep 60");
      const fields = "grep -E '^(CapPrm|CapEff|CapBnd|NoNewPrivs):'";
      const own = await world.succeed([
        "exec",
        pod,
        "--",
        "sh",
        "-c",
        `${fields} /proc/1/status; ${fields} /proc/self/status`,
      ]);
      const lines = own.stdout.trim().split("\n");
      expect(lines.slice(lines.length / 2)).toContain("CapBnd:\t00000000800405fb");
      for (const attack of ["mount -t tmpfs x /bin", "unshare -m true", "mknod /x b 254 0"]) {
        const tried = await world.gantry(["exec", pod, "--", "sh", "-c", attack]);
        expect(`${attack}: ${tried.exitCode === 0}`).toBe(`${attack}: false`);
      }
      await world.succeed(["stop", "--force", pod]);
    },
  },
  {
    name: "stop sends the stop signal and waits; the app's own code is kept",
    async check({ start, status, world }) {
      const pod = await start("trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.1; done");
      await until(async () => (await world.succeed(["logs", pod])).stdout === "up\n");
      await world.succeed(["stop", pod]);
      expect((await status(pod)).exitCode).toBe(3);
      expect((await world.succeed(["logs", pod])).stdout).toBe("up\nbye\n");
    },
  },
  {
    name: "stop kills what does not listen",
    async check({ start, status, world }) {
      const pod = await start("trap '' TERM; echo up; while :; do sleep 0.1; done");
      await until(async () => (await world.succeed(["logs", pod])).stdout === "up\n");
      await world.succeed(["stop", "--time=1s", pod]);
      const facts = await status(pod);
      expect([facts.state, facts.apps[0]?.state === "running"]).toEqual(["exited", false]);
      expect(facts.exitCode).not.toBe(0);
    },
  },
  {
    name: "kill -9 of the supervisor ends the pod, and nothing stays",
    async check({ start, status, ended, world }) {
      const pod = await start("sleep 321");
      const { pid, apps } = await status(pod);
      process.kill(pid ?? -1, "SIGKILL");
      await until(
        async () => (await world.gantry(["rm", pod])).exitCode === 0 || (await ended(pod)).state !== "exited",
      );
      const app = apps[0]?.pid;
      if (app !== undefined) await until(async () => stateOf(app) === undefined || stateOf(app) === "Z");
    },
  },
  {
    name: "volumes: the host's files, read-only where asked, with their own modes",
    async check({ sh }) {
      const flags = ["--volume=/etc:/ro:ro", "--volume=v,kind=empty", "--mount=volume=v,target=/rw"];
      const ran = await sh("touch /ro/x; touch /rw/x && cat /ro/hostname > /dev/null && echo fine", flags);
      expect(ran.stdout).toBe("fine\n");
      expect(ran.stderr).toContain("Read-only file system");
    },
  },
  {
    name: "a read-only root refuses writes",
    async check({ sh }) {
      const ran = await sh("touch /x || echo refused", ["--readonly-rootfs"]);
      expect(ran.stdout).toBe("refused\n");
    },
  },
  {
    name: "a process limit holds, and update changes it",
    async check({ sh, start, world }) {
      const script = "i=0; while [ $i -lt 40 ]; do sleep 1 & i=$((i+1)); done 2>&1; wait";
      const [forks, pod] = await Promise.all([sh(script, ["--pids-limit=20"]), start("sleep 600")]);
      expect(forks.stdout + forks.stderr).toMatch(/can't fork|Resource temporarily unavailable/);
      await world.succeed(["update", "--pids-limit=12", pod]);
      expect((await world.gantry(["exec", pod, "--", "sh", "-c", script])).stdout).toContain("can't fork");
      await world.succeed(["stop", "--force", pod]);
    },
  },
  {
    name: "a memory limit holds, and status tells what it ended",
    async check({ start, ended }) {
      const facts = await ended(await start("tail /dev/zero", ["--memory=64m"]));
      expect(facts.apps[0]?.exitCode).toBe(137);
      expect(facts.apps[0]?.oomKilled).toBe(true);
    },
  },
  {
    name: "stats shows what a pod uses",
    async check({ start, world }) {
      const pod = await start("sleep 60", ["--memory=96m"]);
      const [row] = JSON.parse((await world.succeed(["stats", "--json", pod])).stdout);
      expect(row.pod.memoryBytes).toBeGreaterThan(0);
      expect(row.pod.pids).toBeGreaterThan(0);
      expect(row.apps.app.limits.memoryBytes).toBe(96 * 1024 * 1024);
      await world.succeed(["stop", "--force", pod]);
    },
  },
  {
    name: "pause halts, resume goes on, stop works on both",
    async check({ start, status, world }) {
      const pod = await start("while :; do echo tick; sleep 0.1; done");
      const ticks = async () => (await world.succeed(["logs", pod])).stdout.length;
      await until(async () => (await ticks()) > 0);
      await world.succeed(["pause", pod]);
      expect((await status(pod)).paused).toBe(true);
      await sleep(200); // what was on its way
      const halted = await ticks();
      await sleep(400);
      expect(await ticks()).toBe(halted);
      await world.succeed(["resume", pod]);
      await until(async () => (await ticks()) > halted);
      await world.succeed(["pause", pod]);
      await world.succeed(["stop", "--time=1s", pod]);
    },
  },
  {
    name: "attach shows what the app writes",
    async check({ start, world }) {
      const pod = await start("while [ ! -e /tmp/go ]; do sleep 0.1; done; sleep 1; echo shown; exit 4");
      const attached = world.gantry(["attach", "--no-stdin", pod]);
      await sleep(300);
      await world.succeed(["exec", pod, "touch", "/tmp/go"]);
      const { stdout, exitCode } = await attached;
      expect([stdout, exitCode]).toEqual(["shown\n", 4]);
    },
  },
  {
    name: "what is missing is named, and nothing stays behind",
    async check({ sh, world }) {
      for (const [flag, named] of [
        ["--user=nobody-here", "nobody-here"],
        ["--exec=/bin/missing", "/bin/missing"],
      ] as const) {
        const failed = await sh("true", [flag]);
        expect(`${named}: ${failed.exitCode}`).toBe(`${named}: 254`);
        expect(failed.stderr).toContain(named);
        expect(failed.stderr).toContain("hint: ");
      }
      const left = JSON.parse((await world.succeed(["list", "--json"])).stdout) as { readonly state: string }[];
      expect(left.filter((pod) => pod.state !== "exited")).toEqual([]);
    },
  },
  {
    name: "a prepared pod starts later, and rm and gc leave nothing",
    async check({ world }) {
      const prepare = [
        "prepare",
        ...regimeOf(world),
        "--net=none",
        "localhost/app:1",
        "--exec=sh",
        "--",
        "-c",
        "echo later",
      ];
      const pod = (await world.succeed([LOOSE, "-q", ...prepare])).stdout.trim();
      expect((await world.succeed([LOOSE, "-q", "run-prepared", pod])).stdout).toBe("later\n");
      await world.succeed(["rm", pod]);
      await world.succeed(["gc", "--grace-period=0s"]);
      expect(JSON.parse((await world.succeed(["list", "--json"])).stdout)).toEqual([]);
    },
  },
];

/** Behaviours a regime cannot have by nature, and why. A name that is not in the list fails. */
export interface Stage1Skip {
  readonly reason: string;
  readonly behaviours: readonly string[];
}

/**
 * Registers one test per behaviour for a stage1, named as `--stage1` takes it. `prepare` makes a world ready for it, such
 * as by building or trusting its image. At the end nothing of the suite may be left on the host.
 */
export function runStage1Suite({
  stage1,
  skip = [],
  prepare = async () => {},
}: {
  readonly stage1: string;
  readonly skip?: readonly Stage1Skip[];
  readonly prepare?: (world: World) => Promise<void>;
}): void {
  const skipped = skip.flatMap((one) => one.behaviours);
  test(`${stage1}: every behaviour that is skipped exists, and says why`, () => {
    const names = STAGE1_BEHAVIOURS.map((one) => one.name);
    expect(skipped.filter((name) => !names.includes(name))).toEqual([]);
    expect(skip.filter((one) => one.reason === "")).toEqual([]);
  });
  let world: World | undefined;
  let trial: Stage1Trial | undefined;
  beforeAll(async () => {
    world = await createWorld();
    await prepare(world);
    trial = await makeTrial(world, stage1);
  }, TIMEOUT_MS);
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  }, TIMEOUT_MS);
  for (const { name, check } of STAGE1_BEHAVIOURS) {
    if (skipped.includes(name)) continue;
    test(
      `${stage1}: ${name}`,
      async () => {
        if (trial === undefined) throw new Error("the world could not be made");
        await check(trial);
      },
      TIMEOUT_MS,
    );
  }
}
