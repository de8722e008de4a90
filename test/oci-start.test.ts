import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LOOSE, makeTrial, type Stage1Trial } from "./harness/stage1-trial.ts";
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

test(
  "crun gets the filter that it compiled before, and one that was changed on disk is not used",
  async () => {
    const dir = join(world.root, "regimes/oci/seccomp");
    rmSync(dir, { recursive: true, force: true });
    const script = "grep Seccomp: /proc/self/status; chroot / true 2>&1; unshare -U true 2>&1";
    const once = await trial.shown(`${script}; exit 0`, ["--runtime=crun", "--cap-add=SYS_CHROOT"]);
    expect(once).toContain("Seccomp:\t2");
    const [name = ""] = readdirSync(dir);
    const kept = readFileSync(join(dir, name), "utf8");
    const pod = await trial.start("sleep 100", ["--runtime=crun", "--cap-add=SYS_CHROOT"]);
    const config = JSON.parse(readFileSync(join(world.root, "pods/run", pod, "apps/app/bundle/config.json"), "utf8"));
    const compiled = config.annotations["run.oci.seccomp_bpf_data"];
    expect(kept).toEndWith(` ${compiled}`);
    // What the runtime keeps for `exec` is the very filter.
    const state = join(world.root, "pods/run", pod, "oci/state", `${pod}-app`, "seccomp.bpf");
    expect(readFileSync(state).toString("base64")).toBe(compiled);
    expect(await trial.shown(`${script}; exit 0`, ["--runtime=crun", "--cap-add=SYS_CHROOT"])).toBe(once);
    await world.succeed(["rm", "--force", pod]);

    const harmless = Buffer.from([6, 0, 0, 0, 0, 0, 0xff, 0x7f]).toString("base64"); // allows everything
    writeFileSync(join(dir, name), kept.replace(compiled, harmless));
    expect(await trial.shown(`${script}; exit 0`, ["--runtime=crun", "--cap-add=SYS_CHROOT"])).toBe(once);
  },
  TIMEOUT_MS,
);

test(
  "an app that fails ends the pod also when another takes its time to stop",
  async () => {
    const slow = "trap 'sleep 0.5; exit 3' TERM; touch /dev/shm/ready; while :; do sleep 0.05; done";
    const fails = "while [ ! -e /dev/shm/ready ]; do sleep 0.05; done; exit 7";
    for (let round = 0; round < 3; round++) expect((await trial.two(slow, fails)).exitCode).toBe(7);
  },
  TIMEOUT_MS,
);

test(
  "what a runtime refuses is told, in the foreground where the app's errors go",
  async () => {
    const bad = ["--sysctl=kernel.shm_rmid_forced=999999"];
    const front = await trial.sh("true", bad);
    expect(front.exitCode).toBe(254);
    expect(front.stderr).toMatch(/shm_rmid_forced: invalid argument/i);
    expect(front.stderr).toContain("said why on standard error");
    const back = await world.gantry([
      ...[LOOSE, "-q", "run", "-d", "--stage1=oci", "--net=none", ...bad],
      ...["localhost/app:1", "--exec=true"],
    ]);
    expect([back.exitCode, back.stderr]).toEqual([254, expect.stringMatching(/invalid argument/i)]);
    expect(JSON.parse((await world.succeed(["list", "--json"])).stdout)).not.toContainEqual(
      expect.objectContaining({ state: "running" }),
    );
  },
  TIMEOUT_MS,
);

test(
  "an app does not begin when its start cannot be recorded, and nothing stays",
  async () => {
    const mark = join(world.dir, "mark");
    mkdirSync(mark);
    const image = ["localhost/app:1", "--net=none", "-v", `${mark}:/mark`, "--exec=touch", "--", "/mark/ran"];
    const prepared = await world.succeed([LOOSE, "-q", "prepare", "--stage1=oci", ...image]);
    const pod = prepared.stdout.trim();
    const events = join(world.root, "audit/events");
    const files = readdirSync(events).map((name) => join(events, name));
    for (const file of files) Bun.spawnSync(["chattr", "+i", file]);
    try {
      const refused = await world.gantry([LOOSE, "run-prepared", pod]);
      expect(refused.exitCode).toBe(254);
      expect(refused.stderr).toContain("audit/events");
    } finally {
      for (const file of files) Bun.spawnSync(["chattr", "-i", file]);
    }
    expect(readdirSync(mark)).toEqual([]);
    const left = JSON.parse((await world.succeed(["list", "--json"])).stdout) as { readonly state: string }[];
    expect(left.filter(({ state }) => state === "running")).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  "a configuration longer than a pipe takes at once reaches either runtime whole, and only it reaches the app",
  async () => {
    const long = ["A", "B", "C"].map((name) => `--env=${name}=${name.repeat(100_000)}`);
    const script = "echo ${#A} ${#B} ${#C}; ls /proc/self/fd | wc -l";
    for (const runtime of ["crun", "runc"]) {
      const without = await trial.shown("ls /proc/self/fd | wc -l", [`--runtime=${runtime}`]);
      const [lengths, descriptors] = (await trial.shown(script, [`--runtime=${runtime}`, ...long])).trim().split("\n");
      expect([lengths, descriptors]).toEqual(["100000 100000 100000", without.trim()]);
      expect(Number(descriptors)).toBe(4); // three, and the directory being listed
    }
  },
  TIMEOUT_MS,
);

test(
  "pods that have ended are taken back beside later starts, and how each of them ended is recorded once",
  async () => {
    for (let round = 0; round < 6; round++) expect((await trial.sh(`exit ${round}`)).exitCode).toBe(round);
    await world.succeed(["gc", "--grace-period=0s"]);
    const { stdout } = await world.succeed(["audit", "log", "--json", "--kind=pod.exited"]);
    const codes = (JSON.parse(stdout) as { data: { exitCode: number } }[]).map(({ data }) => data.exitCode);
    expect(codes.slice(-6).sort()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(readdirSync(join(world.root, "run/netns"))).toEqual([]);
  },
  TIMEOUT_MS,
);
