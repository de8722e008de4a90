import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gantryArgv, gantryEnv } from "./harness/gantry.ts";
import { LOOSE, makeTrial, type Stage1Trial, until } from "./harness/stage1-trial.ts";
import { createWorld, type World } from "./harness/world.ts";

const TIMEOUT_MS = 120_000;
/** Of a newer suite, since the stable one's does not know every kernel; the story of a host without one is told as well. */
const CRIU = new URL("../.cache/newer/criu/run/criu", import.meta.url).pathname;
const canDump = existsSync(CRIU) && Bun.spawnSync([CRIU, "check"]).exitCode === 0;
const RUNC = ["--stage1=oci", "--runtime=runc"];

let world: World;
let gvisor: Stage1Trial;

beforeAll(async () => {
  world = await createWorld();
  gvisor = await makeTrial(world, "gvisor");
}, TIMEOUT_MS);

afterAll(async () => {
  await world[Symbol.asyncDispose]();
}, TIMEOUT_MS);

/** Counts to `last`, ten numbers a second, and ends with 7. */
const counter = (last: number) => `i=0; while [ $i -lt ${last} ]; do i=$((i+1)); echo $i; sleep 0.1; done; exit 7`;

const call = (args: readonly string[], env: Record<string, string> = {}) =>
  world.gantry(args, { env: { ...(canDump ? { GANTRY_CRIU: CRIU } : {}), ...env } });

const succeed = async (...args: string[]) => {
  const result = await call(args);
  expect(result).toMatchObject({ exitCode: 0 });
  return result.stdout.trim();
};

const start = async (flags: readonly string[], ...apps: string[][]) =>
  await succeed(
    LOOSE,
    "-q",
    "run",
    "-d",
    ...flags,
    ...apps.flatMap((app, index) => (index === 0 ? app : ["---", ...app])),
  );

const app = (name: string, script: string, ...flags: string[]) => [
  "localhost/app:1",
  `--app-name=${name}`,
  ...flags,
  "--exec=sh",
  "--",
  "-c",
  script,
];

const logs = async (pod: string, name: string) =>
  (await world.succeed(["logs", "--app", name, pod])).stdout.trim().split("\n");

const numbers = (last: number) => Array.from({ length: last }, (_, index) => String(index + 1));

async function counted(pod: string, name: string, least: number): Promise<void> {
  await until(async () => (await logs(pod, name)).length >= least);
}

async function events(pod: string, kind: string): Promise<readonly Record<string, unknown>[]> {
  const { stdout } = await world.succeed(["audit", "log", "--json", `--pod=${pod}`, `--kind=${kind}`]);
  return (JSON.parse(stdout) as { data: Record<string, unknown> }[]).map(({ data }) => data);
}

test(
  "gvisor: a counter goes on where it was halted, with its log and its exit code",
  async () => {
    const dir = join(world.dir, "volume");
    mkdirSync(dir);
    const flags = ["--stage1=gvisor", "--net=none", `--volume=${dir}:/data`];
    const pod = await start(
      flags,
      app("count", `exec 3> /data/open; echo begun >&3; (${counter(25)}); echo over >&3; exit 7`),
    );
    await counted(pod, "count", 5);
    expect(await succeed("checkpoint", pod)).toBe(pod);
    expect(await gvisor.status(pod)).toMatchObject({ state: "checkpointed", apps: [{ state: "created" }] });
    const halted = await logs(pod, "count");
    await succeed("gc", "--grace-period=0s");
    expect(await gvisor.status(pod)).toMatchObject({ state: "checkpointed" });
    expect(await logs(pod, "count")).toEqual(halted);

    expect(await succeed(LOOSE, "restore", pod)).toBe(pod);
    expect(await gvisor.status(pod)).toMatchObject({ state: "running", apps: [{ state: "running" }] });
    expect((await call(["exec", pod, "--", "cat", "/etc/hostname"])).stdout).toBe(`gantry-${pod}\n`);
    expect(await gvisor.ended(pod)).toMatchObject({ state: "exited", exitCode: 7 });
    expect(await logs(pod, "count")).toEqual(numbers(25));
    expect(readFileSync(join(dir, "open"), "utf8")).toBe("begun\nover\n");
    expect(existsSync(join(world.root, "pods/run", pod, "checkpoint"))).toBe(false);
  },
  TIMEOUT_MS,
);

test.skipIf(!canDump)(
  "oci: all apps of a pod halt together and go on together, with network, volumes and shared memory",
  async () => {
    const flags = [...RUNC, "--volume=data,kind=empty"];
    const writer = `echo kept > /dev/shm/kept; echo kept > /data/kept; ${counter(40)}`;
    const reader = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done";
    const mount = "--mount=volume=data,target=/data";
    const confined = ["--readonly-rootfs", "--memory=256m", "--cap-drop=ALL"];
    const pod = await start(flags, app("one", writer, mount), app("two", reader, mount, ...confined));
    await counted(pod, "one", 5);
    const before = JSON.parse(await succeed("status", "--json", pod)) as { networks: unknown };
    await succeed("checkpoint", pod);
    expect(await gvisor.status(pod)).toMatchObject({ state: "checkpointed" });
    expect(await world.gantry(["stop", pod])).toMatchObject({ exitCode: 0 });
    expect(await gvisor.status(pod)).toMatchObject({ state: "checkpointed" });
    const halted = (await logs(pod, "two")).length;

    await succeed(LOOSE, "restore", pod);
    expect(JSON.parse(await succeed("status", "--json", pod))).toMatchObject({ networks: before.networks });
    const look = [
      "exec",
      "--app=two",
      pod,
      "--",
      "sh",
      "-c",
      "cat /dev/shm/kept /data/kept; hostname; ip -4 addr show eth0",
    ];
    const { stdout } = await call(look);
    expect(stdout).toStartWith(`kept\nkept\ngantry-${pod}\n`);
    expect(stdout).toContain("inet 10.");
    await counted(pod, "two", halted + 3);
    // The first app fails: its code is the pod's, and the other one is stopped.
    expect(await gvisor.ended(pod)).toMatchObject({ state: "exited", exitCode: 7 });
    expect(await logs(pod, "one")).toEqual(numbers(40));
    const seen = await logs(pod, "two");
    expect(seen).toEqual(numbers(seen.length));
    expect(await events(pod, "pod.checkpointed")).toMatchObject([{ apps: ["one", "two"], leaveRunning: false }]);
    expect(await events(pod, "pod.restored")).toMatchObject([
      { stage1: "oci", apps: [{ app: "one" }, { app: "two" }] },
    ]);
    expect(await events(pod, "pod.exited")).toMatchObject([{ exitCode: 7 }]);
  },
  TIMEOUT_MS,
);

test.skipIf(!canDump)(
  "oci: a terminal comes back, and what is typed then arrives",
  async () => {
    const pod = await start(
      [...RUNC, "--net=none", "--rm", "-it"],
      app("sh", "echo ready; read line; echo got $line; exit 9"),
    );
    await until(async () => (await logs(pod, "sh")).includes("ready"));
    await succeed("checkpoint", pod);
    await succeed(LOOSE, "restore", pod);
    const attached = await world.gantry(["attach", pod], { stdin: "word\n" });
    expect(attached).toMatchObject({ exitCode: 9, stdout: expect.stringContaining("got word") });
    // It was to be removed at its end, which a checkpoint is not.
    await until(async () => (await world.gantry(["status", pod])).exitCode === 3);
  },
  TIMEOUT_MS,
);

/** A criu that does everything but the n-th of its jobs; for that it may take its time. */
function failingCriu(job: number, seconds = 0): string {
  const dir = join(world.dir, `criu-${job}-${seconds}`);
  const script = `#!/bin/sh
[ "$1" = swrk ] || exec ${CRIU} "$@"
echo >> ${dir}.jobs
[ $(wc -l < ${dir}.jobs) = ${job} ] && sleep ${seconds} && exit 1
exec ${CRIU} "$@"
`;
  Bun.spawnSync(["mkdir", "-p", dir]);
  writeFileSync(`${dir}.jobs`, "");
  writeFileSync(join(dir, "criu"), script, { mode: 0o755 });
  return join(dir, "criu");
}

test.skipIf(!canDump)(
  "oci: when one app cannot be halted all go on, and when one cannot be restored the pod stays halted",
  async () => {
    const endless = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done";
    const pod = await start([...RUNC, "--net=none"], app("one", endless), app("two", endless));
    await counted(pod, "two", 3);
    // runc asks criu for its version first: each app is two jobs.
    const refused = await call(["checkpoint", pod], { GANTRY_CRIU: failingCriu(4) });
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('Cannot checkpoint app "two"') });
    expect(await gvisor.status(pod)).toMatchObject({
      state: "running",
      apps: [{ state: "running" }, { state: "running" }],
    });
    expect(existsSync(join(world.root, "pods/run", pod, "checkpoint"))).toBe(false);
    const then = (await logs(pod, "two")).length;
    await counted(pod, "two", then + 2);

    await succeed("checkpoint", pod);
    const failed = await call([LOOSE, "restore", pod], { GANTRY_CRIU: failingCriu(2) });
    expect(failed).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("stays checkpointed") });
    expect(await gvisor.status(pod)).toMatchObject({ state: "checkpointed" });
    await succeed(LOOSE, "restore", pod);
    for (const name of ["one", "two"]) {
      const seen = await logs(pod, name);
      expect(seen).toEqual(numbers(seen.length));
    }
    await succeed("rm", "--force", pod);
  },
  TIMEOUT_MS,
);

test.skipIf(!canDump)(
  "oci: a checkpoint that is killed halfway leaves the pod halted, and resume lets it go on; meanwhile nobody else may",
  async () => {
    const pod = await start(
      [...RUNC, "--net=none"],
      app("one", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done"),
    );
    await counted(pod, "one", 3);
    const criu = failingCriu(2, 3);
    const options = { root: world.root, config: world.config, env: { GANTRY_CRIU: criu } };
    const child = Bun.spawn(gantryArgv(["checkpoint", pod], options), { env: gantryEnv(options), stderr: "ignore" });
    await until(async () => readFileSync(`${dirname(criu)}.jobs`, "utf8").length === 2);
    expect(await call(["resume", pod])).toMatchObject({ exitCode: 5 });
    expect(await call(["checkpoint", pod])).toMatchObject({ exitCode: 5 });
    child.kill("SIGKILL");
    await child.exited;
    expect(await gvisor.status(pod)).toMatchObject({ state: "running", paused: true });
    await succeed("resume", pod);
    await counted(pod, "one", (await logs(pod, "one")).length + 2);
    await succeed("checkpoint", pod);
    // A host that was started anew has no namespaces any more.
    const netns = join(world.root, "run/netns", pod);
    expect(Bun.spawnSync(["umount", netns]).exitCode).toBe(0); // the file stays where /run is on a disk
    await succeed(LOOSE, "restore", "--keep", pod);
    await counted(pod, "one", (await logs(pod, "one")).length + 2);
    expect(existsSync(join(world.root, "pods/run", pod, "checkpoint/one/inventory.img"))).toBe(true);
    const seen = await logs(pod, "one");
    expect(seen).toEqual(numbers(seen.length));
    await succeed("rm", "--force", pod);
  },
  TIMEOUT_MS,
);

test.skipIf(!canDump)(
  "oci: an open connection is refused unless it is to be kept",
  async () => {
    const talk = "sleep 60 | nc -l -p 7 & sleep 0.5; (while :; do echo x; sleep 0.1; done) | nc 127.0.0.1 7";
    const pod = await start([...RUNC, "--net=none"], app("talk", talk));
    await counted(pod, "talk", 3);
    expect(await call(["checkpoint", pod])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("--tcp-established"),
    });
    expect(await gvisor.status(pod)).toMatchObject({ state: "running" });
    await succeed("checkpoint", "--tcp-established", pod);
    const halted = (await logs(pod, "talk")).length;
    await succeed(LOOSE, "restore", pod);
    await counted(pod, "talk", halted + 3);
    await succeed("rm", "--force", pod);
  },
  TIMEOUT_MS,
);

test(
  "oci: a host whose criu does not work says so, in doctor too, and asks again when it changes",
  async () => {
    const path = join(world.dir, "criu");
    writeFileSync(
      path,
      '#!/bin/sh\n[ "$1" = check ] || exit 0\necho "Error (criu/x.c:1): this kernel is strange" >&2\nexit 1\n',
      {
        mode: 0o755,
      },
    );
    const pod = await start([...RUNC, "--net=none"], app("idle", "sleep 60"));
    const refused = await call(["checkpoint", pod], { GANTRY_CRIU: path });
    expect(refused).toMatchObject({ exitCode: 7, stderr: expect.stringContaining("this kernel is strange") });
    const doctor = await call(["doctor"], { GANTRY_CRIU: path });
    expect(doctor.stdout).toMatch(/warn +checkpoint oci: .*this kernel is strange/);
    writeFileSync(
      path,
      '#!/bin/sh\n[ "$1" = check ] || exit 0\necho "Error (criu/x.c:1): it is another now" >&2\nexit 1\n',
    );
    expect(await call(["checkpoint", pod], { GANTRY_CRIU: path })).toMatchObject({
      exitCode: 7,
      stderr: expect.stringContaining("it is another now"),
    });
    expect(await call(["checkpoint", pod], { GANTRY_CRIU: "/usr/bin/true" })).toMatchObject({ exitCode: 7 });
    expect(await gvisor.status(pod)).toMatchObject({ state: "running", apps: [{ state: "running" }] });
    await succeed("rm", "--force", pod);
  },
  TIMEOUT_MS,
);

test(
  "a pod that cannot be halted, is not running or is not halted is refused, and goes on as it was",
  async () => {
    const cases: readonly (readonly [readonly string[], number, string])[] = [
      [["--stage1=fly", "--net=host"], 7, "regime"],
      [["--stage1=systemd", "--net=none"], 7, "regime"],
      [["--stage1=oci", "--runtime=crun", "--net=none"], 7, "--runtime=runc"],
      [[...RUNC, "--net=none", "--pid=pod"], 7, "--pid"],
      [["--stage1=gvisor"], 7, "--net=none"],
    ];
    for (const [flags, exitCode, hint] of cases) {
      const pod = await start(flags, app("idle", "sleep 60"));
      expect(await call(["checkpoint", pod])).toMatchObject({ exitCode, stderr: expect.stringContaining(hint) });
      expect(await gvisor.status(pod)).toMatchObject({ state: "running", apps: [{ state: "running" }] });
      expect(await call(["restore", pod])).toMatchObject({ exitCode: 5 });
      await succeed("rm", "--force", pod);
    }
    const options = { root: world.root, config: world.config };
    const inFront = ["run", "--stage1=gvisor", "--net=none", "--name=front", ...app("idle", "echo up; sleep 60")];
    const front = Bun.spawn(gantryArgv([LOOSE, "-q", ...inFront], options), {
      env: gantryEnv(options),
      stdout: "pipe",
    });
    await front.stdout.getReader().read();
    expect(await call(["checkpoint", "front"])).toMatchObject({
      exitCode: 7,
      stderr: expect.stringContaining("run -d"),
    });
    await succeed("rm", "--force", "front");
    await front.exited;
    const ended = await start(["--stage1=gvisor", "--net=none"], app("short", "true"));
    await gvisor.ended(ended);
    expect(await call(["checkpoint", ended])).toMatchObject({ exitCode: 5 });
    expect(await call(["restore", ended])).toMatchObject({ exitCode: 5 });
    expect(await call(["restore", "no-such-pod"])).toMatchObject({ exitCode: 3 });
  },
  TIMEOUT_MS,
);
