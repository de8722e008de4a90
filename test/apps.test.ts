import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { busyboxImage, writeArchive } from "./harness/images.ts";
import { createWorld, type World } from "./harness/world.ts";

// What an app gets: environment, user, directory, volumes, and what it may do; how pods end and are collected.
const TIMEOUT_MS = 120_000;
const LOOSE = "--insecure-options=image";

async function worldWithImage(): Promise<{
  readonly world: World;
  readonly image: string;
  readonly sh: (script: string, ...flags: string[]) => Promise<string>;
}> {
  const world = await createWorld();
  const image = busyboxImage([
    { path: "srv", kind: "dir", uid: 1000, gid: 1001 },
    { path: "srv/owned", content: "x", uid: 1000, gid: 2000 },
    { path: "bin/lost", content: "#!/no/such/interpreter\n", modeOctal: 0o755 },
    { path: "bin/plain", content: "text", modeOctal: 0o644 },
  ]).withConfig({
    cmd: ["/bin/sh", "-c", "echo hello"],
    env: ["FROM_IMAGE=yes", "BOTH=image"],
    workingDir: "/srv",
    user: "web",
  });
  writeArchive(world, "app", image);
  const name = `oci-archive:${world.dir}/app.oci.tar:1`;
  await world.succeed([LOOSE, "fetch", name]);
  const sh = async (script: string, ...flags: string[]) => {
    const line = ["run", "--net=none", "localhost/app:1", "--exec=sh", ...flags, "--", "-c", script];
    return (await world.succeed([LOOSE, "-q", ...line])).stdout;
  };
  return { world, image: name, sh };
}

test(
  "apps: user, groups, directory and environment come from the image, and from the command line over it",
  async () => {
    const { world, sh } = await worldWithImage();
    await using _ = world;
    const who = "id -u; id -g; id -G; pwd; echo $HOME $FROM_IMAGE $BOTH";
    expect(await sh(who)).toBe("1000\n1001\n1001 2000\n/srv\n/home/web yes image\n");
    expect(await sh(who, "--user=0", "--working-dir=/")).toBe("0\n0\n0\n/\n/root yes image\n");
    expect(await sh("id -u; id -g; id -G", "--user=77:88", "--supplementary-gids=5,6")).toBe("77\n88\n88 5 6\n");
    expect(await sh("id -u; id -g", "--user=/srv/owned")).toBe("1000\n2000\n");
    const odd = "/srv/100% \\";
    expect(await sh("pwd; id -u", `--working-dir=${odd}`, "--user=77")).toBe(`${odd}\n77\n`);
    const hostile = "--working-dir=/srv\rExecStartPre=+/bin/true";
    expect((await world.gantry([LOOSE, "run", "localhost/app:1", hostile])).exitCode).toBe(254);
    const file = join(world.dir, "env");
    writeFileSync(file, '# comment\n; another\nBOTH=file\nSPACED=a b  c\n\nEMPTY=\nQUOTED="kept"\n');
    const show = 'echo "$BOTH|$SPACED|$EMPTY|$QUOTED"';
    expect(await sh(show, `--env-file=${file}`)).toBe('file|a b  c||"kept"\n');
    expect(await sh(show, `--env-file=${file}`, "--env=BOTH=flag")).toBe('flag|a b  c||"kept"\n');
    writeFileSync(file, "no equals sign\n");
    const bad = await world.gantry([LOOSE, "run", "localhost/app:1", `--env-file=${file}`]);
    expect([bad.exitCode, bad.stderr.includes(file)]).toEqual([254, true]);
  },
  TIMEOUT_MS,
);

test(
  "apps: volumes of the host and empty ones, read-only and shared between apps; files, and what is missing",
  async () => {
    const { world, sh } = await worldWithImage();
    await using _ = world;
    const data = join(world.dir, "data");
    mkdirSync(data);
    chmodSync(data, 0o777);
    writeFileSync(join(data, "in"), "from the host\n");
    expect(await sh("cat /data/in; echo back > /data/out", `--volume=${data}:/data`)).toBe("from the host\n");
    expect(readFileSync(join(data, "out"), "utf8")).toBe("back\n");
    expect(statSync(join(data, "out")).uid).toBe(1000);
    expect(await sh("touch /data/x 2> /dev/null || echo refused", `--volume=${data}:/data:ro`)).toBe("refused\n");
    expect(await sh("cat /etc/one", `--volume=${join(data, "in")}:/etc/one:ro`)).toBe("from the host\n");
    const shared = ["--volume=v,kind=empty,mode=1777", "--mount=volume=v,target=/v"];
    const writer = ["localhost/app:1", "--app-name=writer", "--exec=sh", ...shared, "--", "-c", "echo shared > /v/f"];
    const reader = ["localhost/app:1", "--app-name=reader", "--exec=sh", "--mount=volume=v,target=/v"];
    const wait = "while ! [ -s /v/f ]; do sleep 0.05; done; cat /v/f; stat -c %a /v";
    const both = await world.succeed([LOOSE, "-q", "run", "--net=none", ...writer, "---", ...reader, "--", "-c", wait]);
    expect(both.stdout).toBe("shared\n1777\n");
    expect(await sh("echo x > /scratch/x && stat -c %a /scratch", "--mount=type=tmpfs,target=/scratch")).toBe("1777\n");
    for (const flag of [`--volume=${data}/missing:/x`, "--mount=volume=nosuch,target=/x", "--volume=relative:/x"]) {
      const failed = await world.gantry([LOOSE, "run", "localhost/app:1", flag]);
      expect([flag, failed.exitCode, failed.stderr.includes("hint: ")]).toEqual([flag, 254, true]);
    }
  },
  TIMEOUT_MS,
);

test(
  "apps: a program that cannot start is told apart: missing, missing interpreter, not executable; unknown users and groups",
  async () => {
    const { world } = await worldWithImage();
    await using _ = world;
    const cases = [
      ["--exec=/bin/nosuch", "pod/missing-executable", "/bin/nosuch"],
      ["--exec=nosuch", "pod/missing-executable", "nosuch"],
      ["--exec=/bin/lost", "pod/missing-interpreter", "/no/such/interpreter"],
      ["--exec=/bin/plain", "pod/not-executable", "/bin/plain"],
      ["--exec=/srv", "pod/not-executable", "/srv"],
      ["--user=nobody-here", "pod/unknown-user", "nobody-here"],
      ["--group=nogroup-here", "pod/unknown-user", "nogroup-here"],
      ["--cap-add=CAP_FLY", "pod/bad-option", "FLY"],
    ] as const;
    for (const [flag, code, named] of cases) {
      const failed = await world.gantry([LOOSE, "run", "--net=none", "localhost/app:1", flag, "--json"]);
      const { error } = JSON.parse(failed.stderr.trim().split("\n").at(-1) ?? "");
      expect([flag, failed.exitCode, error.code]).toEqual([flag, 254, code]);
      expect(error.message).toContain(named);
      expect(error.hint).toBeString();
    }
    await world.succeed([
      LOOSE,
      "run",
      "-d",
      "--name=taken",
      "--net=none",
      "localhost/app:1",
      "--exec=sleep",
      "--",
      "60",
    ]);
    for (const args of [
      ["run", "--name=taken"],
      ["prepare", "--name=taken"],
      ["run", "--name=../x"],
    ]) {
      const failed = await world.gantry([LOOSE, ...args, "localhost/app:1", "--json"]);
      const { error } = JSON.parse(failed.stderr.trim().split("\n").at(-1) ?? "");
      expect(error.code).toBe(args[1] === "--name=taken" ? "pod/name-taken" : "pod/bad-name");
    }
    for (const [args, code] of [
      [["exec", "taken", "--", "/bin/nosuch"], 254],
      [["exec", "taken", "--", "/bin/lost"], 254],
      [["exec", "--user=nobody-here", "taken", "--", "true"], 254],
      [["exec", "--app=other", "taken", "--", "true"], 254],
      [["exec", "nopod", "--", "true"], 254],
    ] as const) {
      const failed = await world.gantry(args);
      expect([args.join(" "), failed.exitCode, failed.stderr.includes("hint: ")]).toEqual([args.join(" "), code, true]);
    }
    expect(JSON.parse((await world.succeed(["list", "--json"])).stdout)).toHaveLength(1);
  },
  TIMEOUT_MS,
);

test(
  "apps: orphans are reaped, stop asks before it kills, --force does not, gc waits for its grace period",
  async () => {
    const { world } = await worldWithImage();
    await using _ = world;
    const start = (name: string, script: string) =>
      world.succeed([
        LOOSE,
        "run",
        "-d",
        `--name=${name}`,
        "--net=none",
        "localhost/app:1",
        "--user=0",
        "--exec=sh",
        "--",
        "-c",
        script,
      ]);
    await start("orphans", "for i in 1 2 3 4 5; do (sleep 0.1 & exec true); done; echo ready; sleep 60");
    const zombies = "sleep 0.5; grep -l '^State:.Z' /proc/[0-9]*/status; echo none";
    expect((await world.succeed(["exec", "orphans", "--", "sh", "-c", zombies])).stdout).toBe("none\n");

    await start("polite", "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.1; done");
    await waitForLog(world, "polite", "ready");
    await world.succeed(["stop", "polite"]);
    expect((await world.succeed(["logs", "polite"])).stdout).toBe("ready\nbye\n");
    expect((await statusOf(world, "polite")).exitCode).toBe(3);

    await start("stubborn", "trap '' TERM; echo ready; while :; do sleep 0.1; done");
    await waitForLog(world, "stubborn", "ready");
    await world.succeed(["stop", "--time=1s", "stubborn"]);
    expect((await statusOf(world, "stubborn")).state).toBe("exited");

    await start("forced", "trap 'echo never' TERM; echo ready; while :; do sleep 0.1; done");
    await waitForLog(world, "forced", "ready");
    await world.succeed(["stop", "--force", "forced"]);
    expect((await world.succeed(["logs", "forced"])).stdout).toBe("ready\n");
    expect((await world.gantry(["stop", "forced"])).exitCode).toBe(0);
    expect((await world.gantry(["rm", "orphans"])).exitCode).toBe(5);

    await world.succeed(["gc"]);
    const names = async () =>
      JSON.parse((await world.succeed(["list", "--json"])).stdout)
        .map((pod: { name: string }) => pod.name)
        .sort();
    expect(await names()).toEqual(["forced", "orphans", "polite", "stubborn"]);
    await world.succeed(["gc", "--grace-period=0s", "--dry-run"]);
    expect(await names()).toEqual(["forced", "orphans", "polite", "stubborn"]);
    await world.succeed(["gc", "--grace-period=0s"]);
    expect(await names()).toEqual(["orphans"]);
    await world.succeed(["rm", "--force", "orphans"]);
    expect(await names()).toEqual([]);
  },
  TIMEOUT_MS,
);

async function statusOf(world: World, pod: string): Promise<{ readonly state: string; readonly exitCode?: number }> {
  return JSON.parse((await world.succeed(["status", pod, "--json"])).stdout);
}

async function waitForLog(world: World, pod: string, text: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if ((await world.succeed(["logs", pod])).stdout.includes(text)) return;
    await Bun.sleep(50);
  }
  throw new Error(`${pod} never wrote "${text}"`);
}
