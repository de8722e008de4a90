import { expect } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { gantryArgv, gantryEnv } from "../harness/gantry.ts";
import { commandOf, LOOSE, stateOf, until } from "../harness/stage1-trial.ts";
import type { Behaviour } from "./behaviour.ts";
import type { RegimeLab } from "./lab.ts";

/** Moments after its start at which a launcher is killed: while it reads, mounts, attaches networks, starts the regime. */
const CRASH_MOMENTS_MS = [15, 60, 150, 400] as const;

/** How pods begin and end. */
export const BEHAVIOURS_LIFE: readonly Behaviour[] = [
  {
    name: "standard input reaches the app, its exit code comes back",
    check: async ({ run }) => {
      const ran = await run("cat; echo e >&2; exit 7", ["-i"], "over\n");
      expect([ran.stdout, ran.stderr, ran.exitCode]).toEqual(["over\n", "e\n", 7]);
    },
  },
  {
    name: "death by a signal comes back as 128 + its number",
    check: async ({ run }) => {
      // A string at address 1: the kernel ends the app itself, which even the first process of a namespace cannot avoid.
      expect((await run('exec perl -e \'print unpack("p", pack("Q", 1))\'')).exitCode).toBe(139);
    },
  },
  {
    name: "a signal to run in the foreground reaches the app, whose code is kept",
    check: async (lab) => {
      const script = "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.1; done";
      const child = spawnGantry(lab, lab.argv(script));
      const reader = child.stdout.getReader();
      expect(new TextDecoder().decode((await reader.read()).value)).toBe("up\n");
      // A launcher becomes the supervisor; for the moment in which that is a new program it can only die of a signal.
      await until(async () => !/gantry$/.test(commandOf(child.pid)));
      await sleep(100);
      child.kill("SIGTERM");
      expect(await child.exited).toBe(3);
      expect(new TextDecoder().decode((await reader.read()).value)).toBe("bye\n");
    },
  },
  {
    name: "several apps share network and host name, not files; the first failure ends the pod",
    check: async ({ runTwo }) => {
      const ran = await runTwo(
        "echo secret > /mine; httpd -f -p 80 -h /work",
        "sleep 0.5; cat /mine 2>/dev/null; hostname; wget -qO- http://127.0.0.1/none 2>&1 | grep -c 404; exit 9",
      );
      expect(ran.stdout).toMatch(/^gantry-[0-9a-f-]+\n1\n$/);
      expect(ran.exitCode).toBe(9);
    },
  },
  {
    name: "a limit of memory holds, and status tells what it ended",
    check: async ({ ended, start }) => {
      await start("greedy", "tail /dev/zero", ["--memory=64m"]);
      const { apps } = await ended("greedy");
      expect([apps[0]?.exitCode, apps[0]?.oomKilled]).toEqual([137, true]);
    },
  },
  {
    name: "stop sends the app's stop signal and waits; the app's own code is kept",
    check: async ({ start, status, world }) => {
      await start("polite", "trap 'sleep 0.5; echo bye; exit 4' TERM; echo up; while :; do sleep 0.1; done");
      await until(async () => (await world.succeed(["logs", "polite"])).stdout === "up\n");
      await world.succeed(["stop", "polite"]);
      const facts = await status("polite");
      expect([facts.state, facts.exitCode]).toEqual(["exited", 4]);
      expect((await world.succeed(["logs", "polite"])).stdout).toBe("up\nbye\n");
    },
  },
  {
    name: "stop kills what does not listen",
    check: async ({ start, status, world }) => {
      await start("stubborn", "trap '' TERM; echo up; while :; do sleep 0.1; done");
      await until(async () => (await world.succeed(["logs", "stubborn"])).stdout === "up\n");
      await world.succeed(["stop", "--time=1s", "stubborn"]);
      const facts = await status("stubborn");
      expect([facts.state, facts.apps[0]?.state === "running"]).toEqual(["exited", false]);
      expect(facts.exitCode).not.toBe(0);
    },
  },
  {
    name: "kill -9 of the supervisor ends the pod, and its processes with it",
    check: async ({ ended, main, status, world }) => {
      const pod = await main();
      const { pid, apps } = await status(pod);
      expect(pid).toBeGreaterThan(1);
      process.kill(pid ?? -1, "SIGKILL");
      expect((await ended(pod)).state).toBe("exited");
      await world.succeed(["rm", pod]);
      for (const gone of [pid, apps[0]?.pid]) {
        if (gone !== undefined) await until(async () => [undefined, "Z"].includes(stateOf(gone)));
      }
    },
  },
  {
    name: "rm and gc leave nothing on the host",
    check: async (lab) => {
      const { world } = lab;
      await world.succeed(["rm", ...(await uuids(lab))]);
      await world.succeed(["gc", "--grace-period=0s"]);
      expect(JSON.parse((await world.succeed(["list", "--json"])).stdout)).toEqual([]);
      await nothingLeft(lab);
    },
  },
  {
    name: "kill -9 of the launcher at any moment leaves nothing that rm and gc cannot take back",
    check: async (lab) => {
      const { status, world } = lab;
      const others = await uuids(lab);
      for (const moment of CRASH_MOMENTS_MS) {
        const script = ["run", `--stage1=${lab.regime}`, "-d", "--name=crash", "--net=default", "localhost/app:1"];
        const child = spawnGantry(lab, [LOOSE, "-q", ...script, "--exec=sh", "--", "-c", "sleep 600"]);
        await Promise.race([sleep(moment), child.exited]);
        child.kill("SIGKILL");
        await child.exited;
        for (const uuid of (await uuids(lab)).filter((one) => !others.includes(one))) {
          if ((await status(uuid)).state === "running") await world.gantry(["stop", "--force", uuid]);
          await world.succeed(["rm", uuid]);
        }
        await world.succeed(["gc", "--grace-period=0s"]);
        await nothingLeft(lab, others);
      }
      const name = (await world.succeed([LOOSE, "-q", "prepare", "--name=crash", "localhost/app:1"])).stdout.trim();
      await world.succeed(["rm", name]);
    },
  },
  {
    name: "a prepared pod starts later",
    check: async (lab) => {
      const { world } = lab;
      const flags = [`--stage1=${lab.regime}`, "--net=none", "--name=later", "localhost/app:1", "--exec=sh"];
      await world.succeed([LOOSE, "-q", "prepare", ...flags, "--", "-c", "echo later"]);
      expect((await world.succeed([LOOSE, "-q", "run-prepared", "later"])).stdout).toBe("later\n");
      await world.succeed(["rm", "later"]);
    },
  },
];

function spawnGantry({ world }: RegimeLab, args: readonly string[]) {
  const options = { root: world.root, config: world.config, env: Object.fromEntries(world.env) };
  return Bun.spawn(gantryArgv(args, options), {
    env: gantryEnv(options),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
  });
}

async function uuids({ world }: RegimeLab): Promise<readonly string[]> {
  const listed = JSON.parse((await world.succeed(["list", "--json"])).stdout) as readonly { readonly uuid: string }[];
  return listed.map((pod) => pod.uuid);
}

/** Neither a process of the world's root, nor a mount, nor a file of a pod; the world itself looks at links and cgroups. */
async function nothingLeft({ world }: RegimeLab, others: readonly string[] = []): Promise<void> {
  const left = () => [
    ...names(`${world.root}/pods`)
      .flatMap((state) => names(`${world.root}/pods/${state}`))
      .filter((name) => /^[0-9a-f]{8}-/.test(name) && !others.includes(name)),
    ...names("/proc").filter((name) => /^\d+$/.test(name) && commandLine(name).includes(world.root)),
    ...readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .filter((line) => line.includes(`${world.root}/pods`)),
  ];
  await until(async () => left().length === 0).catch(() => expect(left()).toEqual([]));
}

function names(dir: string): readonly string[] {
  try {
    return readdirSync(dir);
  } catch {
    return []; // nothing was ever in it
  }
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return ""; // gone
  }
}
