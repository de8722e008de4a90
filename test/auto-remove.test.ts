import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { LOOSE, makeTrial, until } from "./harness/stage1-trial.ts";
import { createWorld, type World } from "./harness/world.ts";

const TIMEOUT_MS = 120_000;

let world: World;

beforeAll(async () => {
  world = await createWorld();
  await makeTrial(world, "oci");
}, TIMEOUT_MS);

afterAll(async () => {
  await world[Symbol.asyncDispose]();
}, TIMEOUT_MS);

const run = (regime: string, flags: readonly string[], script: string) =>
  world.gantry([
    ...[LOOSE, "-q", "run", "--rm", `--stage1=${regime}`, "--net=none", ...flags],
    ...["localhost/app:1", "--exec=sh", "--", "-c", script],
  ]);

const pods = async () =>
  JSON.parse((await world.succeed(["list", "--json"])).stdout) as { readonly uuid: string; readonly state: string }[];
const allGone = () => until(async () => (await pods()).length === 0);

/** Processes that wait to remove a pod of this world. */
const waiting = () =>
  Bun.spawnSync(["pgrep", "-f", `^sh -c cd .*flock --shared .* ${world.root}/pods/`])
    .stdout.toString()
    .trim();

for (const regime of ["systemd", "oci", "fly"]) {
  test(
    `${regime}: run --rm gives the app's output and code, and the pod is gone, its name free at once`,
    async () => {
      for (const code of [0, 7]) {
        const ran = await run(regime, ["--name=once"], `echo out; exit ${code}`);
        expect([ran.exitCode, ran.stdout, ran.stderr]).toEqual([code, "out\n", ""]);
      }
      await allGone();
      expect((await world.gantry(["logs", "once"])).exitCode).toBe(3);
      for (const state of readdirSync(join(world.root, "pods")))
        expect([state, readdirSync(join(world.root, "pods", state))]).toEqual([state, []]);
      const events = (await world.succeed(["audit", "log", "--json"])).stdout;
      expect(events).toContain("pod.removed");
    },
    TIMEOUT_MS,
  );

  test(
    `${regime}: run -d --rm leaves the pod while it runs, and removes it when it is stopped or ends`,
    async () => {
      const started = await run(regime, ["-d", "--name=back"], "echo up; sleep 60");
      expect(started.exitCode).toBe(0);
      expect((await world.succeed(["list"])).stdout).toContain("back");
      const second = await run(regime, ["--name=back"], "true");
      expect([second.exitCode, second.stderr]).toEqual([254, expect.stringContaining("has that name")]);
      expect((await world.gantry(["stop", "--time=1", "back"])).exitCode).toBe(0);
      await allGone();
      expect((await run(regime, ["-d"], "true")).exitCode).toBe(0);
      await allGone();
    },
    TIMEOUT_MS,
  );
}

test(
  "gvisor: run --rm keeps a pod that is halted by a checkpoint, and removes it when it has ended after all",
  async () => {
    expect((await run("gvisor", ["-d", "--name=halted"], "echo up; sleep 60")).exitCode).toBe(0);
    await world.succeed(["checkpoint", "halted"]);
    await until(async () => waiting() === "");
    await until(async () => (await pods())[0]?.state === "checkpointed"); // somebody may hold the lock for an instant
    await world.succeed([LOOSE, "restore", "halted"]);
    expect(await pods()).toMatchObject([{ state: "running" }]);
    await world.succeed(["stop", "--force", "halted"]);
    await allGone();
  },
  TIMEOUT_MS,
);

test(
  "run --rm: what waits for the end may be killed, then gc removes the pod without a grace period",
  async () => {
    expect((await run("fly", ["-d", "--name=lost"], "sleep 60")).exitCode).toBe(0);
    process.kill(Number(waiting()), "SIGKILL");
    expect((await world.succeed(["gc"])).stdout).toBe("");
    expect(await pods()).toHaveLength(1);
    await world.succeed(["stop", "lost", "--force"]);
    expect(await pods()).toHaveLength(1);
    await world.succeed(["gc"]);
    expect(await pods()).toHaveLength(0);
  },
  TIMEOUT_MS,
);

test(
  "run --rm: a pod that cannot start leaves nothing, nor does one that was prepared and started later",
  async () => {
    const failed = await world.gantry([
      LOOSE,
      "run",
      "--rm",
      "--stage1=oci",
      "--net=none",
      "localhost/app:1",
      "--exec=/none",
    ]);
    expect(failed.exitCode).toBe(254);
    const prepared = await world.succeed([
      ...[LOOSE, "prepare", "--rm", "--stage1=fly", "--net=none", "localhost/app:1", "--exec=sh", "--", "-c", "exit 3"],
    ]);
    expect(await pods()).toHaveLength(1);
    expect((await world.gantry([LOOSE, "run-prepared", prepared.stdout.trim()])).exitCode).toBe(3);
    await allGone();
    await until(async () => waiting() === "");
  },
  TIMEOUT_MS,
);

test(
  "oci: who is attached to a pod that is not kept gets the app's code",
  async () => {
    for (const code of [7, 8, 9]) {
      expect((await run("oci", ["-d", "-i", "--name=told"], "read code; exit $code")).exitCode).toBe(0);
      expect((await world.gantry(["attach", "told"], { stdin: `${code}\n` })).exitCode).toBe(code);
    }
    await allGone();
  },
  TIMEOUT_MS,
);
