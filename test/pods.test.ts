import { beforeAll, expect, test } from "bun:test";
import { readlinkSync } from "node:fs";
import { busyboxImage, writeArchive } from "./harness/images.ts";
import { createWorld, type World } from "./harness/world.ts";

const TIMEOUT_MS = 120_000;
const LOOSE = "--insecure-options=image";

async function worldWithImage(): Promise<{ readonly world: World; readonly image: string }> {
  const world = await createWorld();
  const withDevice = busyboxImage([{ path: "disk", kind: "block", devMajor: 254, devMinor: 0, modeOctal: 0o666 }]);
  return { world, image: `oci-archive:${writeArchive(world, "app", withDevice)}:1` };
}

beforeAll(() => {
  if (process.getuid?.() !== 0) throw new Error("these stories need root");
});

test(
  "run: exit codes come back exactly, also those of signals",
  async () => {
    const { world, image } = await worldWithImage();
    await using _ = world;
    const cases = [
      ["exit 0", 0],
      ["exit 7", 7],
      ["exit 255", 255],
      ["kill -9 $$", 137],
      ["kill -TERM $$", 143],
    ] as const;
    for (const [script, code] of cases) {
      const ran = await world.gantry([LOOSE, "run", image, "--net=none", "--exec=/bin/sh", "--", "-c", script]);
      expect(`${script}: ${ran.exitCode}`).toBe(`${script}: ${code}`);
    }
  },
  TIMEOUT_MS,
);

test(
  "run: environment is exactly what was asked for, stdout and stderr stay apart, stdin reaches the app",
  async () => {
    const { world, image } = await worldWithImage();
    await using _ = world;
    const ran = await world.succeed([LOOSE, "run", image, "--net=none", "-e", "A=b c%d$e", "--exec=env"]);
    expect(ran.stdout.trim().split("\n").sort()).toEqual([
      "A=b c%d$e",
      "AC_APP_NAME=app",
      "HOME=/root",
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "container=gantry",
    ]);
    const split = ["run", image, "--net=none", "--user=web", "--exec=sh", "--", "-c", "id -u; echo bad > /dev/stderr"];
    const both = await world.succeed([LOOSE, "-q", ...split]);
    expect([both.stdout, both.stderr]).toEqual(["1000\n", "bad\n"]);
    const piped = await world.succeed([LOOSE, "run", "-i", image, "--net=none", "--exec=cat"], { stdin: "over\n" });
    expect(piped.stdout).toBe("over\n");
  },
  TIMEOUT_MS,
);

test(
  "run -d: nothing of Gantry stays; exec is confined like the app; logs, stop and gc",
  async () => {
    const { world, image } = await worldWithImage();
    await using _ = world;
    await world.succeed([
      LOOSE,
      "run",
      "-d",
      "--name=web",
      image,
      "--exec=sh",
      "--",
      "-c",
      "echo out; echo err >&2; sleep 60",
    ]);
    const status = JSON.parse((await world.succeed(["status", "web", "--json"])).stdout);
    expect(status.state).toBe("running");
    expect(readlinkSync(`/proc/${status.pid}/exe`)).toBe("/usr/bin/systemd-nspawn");
    expect(status.networks[0].addresses.length).toBeGreaterThan(0);
    const inside = (script: string) => world.gantry(["exec", "web", "--", "sh", "-c", script]);

    const fields = "grep -E '^(CapPrm|CapEff|CapBnd|NoNewPrivs|Seccomp):'";
    const same = await inside(`${fields} /proc/self/status`);
    const own = Bun.spawnSync(["sh", "-c", `${fields} /proc/${status.apps[0].pid}/status`]).stdout.toString();
    expect(same.stdout).toBe(own);
    for (const ns of ["mnt", "pid", "net", "ipc", "uts", "cgroup"]) {
      expect((await inside(`readlink /proc/self/ns/${ns}`)).stdout.trim()).toBe(
        readlinkSync(`/proc/${status.apps[0].pid}/ns/${ns}`),
      );
    }
    for (const attack of [
      "mount -t tmpfs x /bin",
      "unshare -m true",
      "mknod /x b 254 0",
      "dd if=/disk of=/dev/null count=1",
      "echo x > /proc/sys/kernel/hostname",
      "echo h > /proc/sysrq-trigger",
      "touch /sys/x",
      "dd if=/proc/kcore of=/dev/null count=1 2>&1 | grep -q '1+0 records in'",
      ...["interrupts", "kallsyms", "keys", "timer_list", "config.gz"].map((file) => `grep -q . /proc/${file}`),
      "timeout 1 grep -q . /proc/kmsg",
      "ls /proc/acpi/* /sys/firmware/* /sys/module/* /sys/kernel/debug/* /sys/kernel/security/* /sys/dev/block/*",
      "echo 1 > /proc/sys/net/ipv4/ip_forward",
      "echo 1 > /proc/irq/default_smp_affinity",
      "mkdir /sys/fs/cgroup/systemd/x || mkdir /sys/fs/cgroup/x",
    ]) {
      expect(`${attack}: ${(await inside(attack)).exitCode === 0}`).toBe(`${attack}: false`);
    }
    expect((await inside("exit 5")).exitCode).toBe(5);
    expect((await world.gantry(["exec", "web", "nosuch"])).exitCode).toBe(254);

    const logs = await world.succeed(["logs", "web"]);
    expect([logs.stdout, logs.stderr]).toEqual(["out\n", "err\n"]);
    const taken = await world.gantry([LOOSE, "prepare", "--name=web", image]);
    expect(taken.exitCode).toBe(5);
    await world.succeed(["stop", "web"]);
    expect((await world.succeed(["logs", "web"])).stdout).toBe("out\n");
    expect(JSON.parse((await world.succeed(["status", "web", "--json"])).stdout).exitCode).toBe(143);
    await world.succeed(["gc", "--grace-period=0s"]);
    expect(JSON.parse((await world.succeed(["list", "--json"])).stdout)).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  "run --readonly-rootfs: the root refuses writes, volumes keep their own mode",
  async () => {
    const { world, image } = await worldWithImage();
    await using _ = world;
    const script = "touch /x; touch /ro/x; touch /rw/x && cat /ro/hostname > /dev/null && echo fine";
    const volumes = ["--volume=/etc:/ro:ro", "--volume=v,kind=empty", "--mount=volume=v,target=/rw"];
    const run = ["run", "--net=none", "--readonly-rootfs", ...volumes, image, "--exec=sh", "--", "-c", script];
    const ran = await world.succeed([LOOSE, "-q", ...run]);
    expect(ran.stdout).toBe("fine\n");
    expect(ran.stderr.match(/Read-only file system/g)?.length).toBe(2);
  },
  TIMEOUT_MS,
);

test(
  "run: several apps; a failing one ends the pod, a finished one does not",
  async () => {
    const { world, image } = await worldWithImage();
    await using _ = world;
    const two = (first: string, second: string) => [
      LOOSE,
      "-q",
      "run",
      "--net=none",
      image,
      "--app-name=one",
      "--exec=sh",
      "--",
      "-c",
      first,
      "---",
      image,
      "--app-name=two",
      "--exec=sh",
      "--",
      "-c",
      second,
    ]; // prettier-ignore
    expect((await world.gantry(two("sleep 30", "exit 9"))).exitCode).toBe(9);
    const later = await world.gantry(two("exit 0", "sleep 0.5; echo later"));
    expect([later.exitCode, later.stdout]).toEqual([0, "later\n"]);
    const words = two("echo one", "echo two").map((word) => (word === "run" ? "prepare" : word));
    const prepared = (await world.succeed(words)).stdout.trim();
    for (const [flag, hint] of [
      ["-i", "leave out --interactive"],
      ["-dt", "leave out --tty"],
    ] as const) {
      const refused = await world.gantry(["run-prepared", flag, prepared]);
      expect([refused.exitCode, refused.stderr]).toEqual([254, expect.stringContaining(hint)]);
    }
    expect((await world.succeed([LOOSE, "-q", "run-prepared", prepared])).exitCode).toBe(0);
  },
  TIMEOUT_MS,
);

test(
  "run: what is missing is named, and nothing stays behind",
  async () => {
    const { world, image } = await worldWithImage();
    await using _ = world;
    const cases = [
      [["--user=nobody-here"], "nobody-here"],
      [["--exec=/bin/missing"], "/bin/missing"],
      [["--net=nowhere"], "nowhere"],
      [["--volume=v,kind=host,source=/no/such/dir", "--mount=volume=v,target=/v"], "/no/such/dir"],
    ] as const;
    for (const [flags, named] of cases) {
      const failed = await world.gantry([LOOSE, "run", image, ...flags]);
      expect(`${named}: ${failed.exitCode}`).toBe(`${named}: 254`);
      expect(failed.stderr).toContain(named);
      expect(failed.stderr).toContain("hint: ");
    }
    expect(JSON.parse((await world.succeed(["list", "--json"])).stdout)).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  "32 runs at once and 200 in a row leave nothing behind after gc",
  async () => {
    const { world, image } = await worldWithImage();
    await using _ = world;
    await world.succeed([LOOSE, "fetch", image]);
    const one = () => world.gantry([LOOSE, "-q", "run", "localhost/app:1", "--exec=true"]);
    const codes = (await Promise.all(Array.from({ length: 32 }, one))).map((ran) => ran.exitCode);
    expect(codes).toEqual(Array.from({ length: 32 }, () => 0));
    for (let i = 0; i < 200; i++) expect((await one()).exitCode).toBe(0);
    await world.succeed(["gc", "--grace-period=0s"]);
    expect(JSON.parse((await world.succeed(["list", "--json"])).stdout)).toEqual([]);
  },
  2 * TIMEOUT_MS,
);
