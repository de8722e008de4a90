import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, chownSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { busyboxImage, writeArchive } from "./harness/images.ts";
import { LOOSE, makeTrial, type Stage1Trial, until } from "./harness/stage1-trial.ts";
import { createWorld, type World } from "./harness/world.ts";

const TIMEOUT_MS = 120_000;
const RUNTIMES = ["crun", "runc"] as const;

let world: World;
let trial: Stage1Trial;

beforeAll(async () => {
  world = await createWorld();
  trial = await makeTrial(world, "oci");
}, TIMEOUT_MS);

afterAll(async () => {
  await world[Symbol.asyncDispose]();
}, TIMEOUT_MS);

/** A file of the world that is root's alone. */
function file(name: string, content: string): string {
  const path = join(world.dir, name);
  mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o755 });
  writeFileSync(path, content, { mode: 0o644 });
  return path;
}

for (const runtime of RUNTIMES) {
  const by = `--runtime=${runtime}`;

  test(
    `${runtime}: limits, devices, kernel parameters and the size of /dev/shm are as asked for`,
    async () => {
      const flags = [
        by,
        "--ulimit=nofile=100:200",
        "--ulimit=core=-1",
        "--device=/dev/fuse:/dev/inside:r",
        "--sysctl=net.ipv4.ip_default_ttl=77",
        "--sysctl=kernel.shmmni=99",
        "--shm-size=1m",
      ];
      const script = [
        "grep -E 'open files|core file' /proc/self/limits | busybox awk '{print $4,$5}'",
        "stat -c '%t:%T' /dev/inside",
        ": < /dev/inside && echo readable",
        "(: > /dev/inside) 2>/dev/null || echo not writable",
        "cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/shmmni",
        "grep -c ' /dev/shm .*size=1024k' /proc/self/mountinfo",
      ].join("; ");
      const lines = (await trial.shown(script, flags)).trim().split("\n");
      expect(lines).toEqual(
        ["size unlimited", "100 200", "a:e5", "readable", "not writable", "77", "99", "1"].map((line, at) =>
          at === 0 ? (lines[0] ?? "") : line,
        ),
      );
      expect(lines[0]).toContain("unlimited");
    },
    TIMEOUT_MS,
  );

  test(
    `${runtime}: apps share processes with an init that reaps, and each ends alone`,
    async () => {
      const app = (name: string, script: string) => [
        "localhost/app:1",
        `--app-name=${name}`,
        "--exec=sh",
        "--",
        "-c",
        script,
      ];
      const apps = [
        ...app("one", "sleep 4242 & touch /dev/shm/mark; sleep 1; exit 0"),
        "---",
        ...app(
          "two",
          "sleep 0.5; ps | grep -v grep | grep -c 'sleep 4242$'; ls /dev/shm; sleep 1.5; ps | grep -v grep | grep -c 'sleep 4242$'; cat /proc/1/comm; sh -c 'sleep 0.1 & exit'; sleep 0.5; ps | grep -c '\\[sleep\\]'",
        ),
      ];
      const ran = await world.gantry([LOOSE, "-q", "run", "--stage1=oci", by, "--pid=pod", "--net=none", ...apps]);
      expect([ran.stdout, ran.stderr]).toEqual(["1\nmark\n0\ncatatonit\n0\n", ""]);
      // The lock that the init's conmon held is free: the pod has ended.
      const pods = JSON.parse((await world.succeed(["list", "--json"])).stdout) as { readonly state: string }[];
      expect(pods.filter(({ state }) => state === "running")).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    `${runtime}: a device node that comes with an image opens no device`,
    async () => {
      const node = busyboxImage([{ path: "zero", kind: "char", devMajor: 1, devMinor: 5, modeOctal: 0o666 }]);
      await world.succeed([LOOSE, "fetch", `oci-archive:${writeArchive(world, `nodes-${runtime}`, node)}:1`]);
      const script = "stat -c '%F %t:%T' /zero; (: < /zero) 2>/dev/null && echo open; (: < /dev/zero) && echo own";
      const run = ["run", "--stage1=oci", "--net=none", by, `localhost/nodes-${runtime}:1`, "--exec=sh"];
      for (const more of [[], ["--readonly-rootfs"], ["--userns=auto"]]) {
        const ran = await world.succeed([LOOSE, "-q", ...run, ...more, "--", "-c", script]);
        expect(ran.stdout).toBe("character special file 1:5\nown\n");
      }
    },
    TIMEOUT_MS,
  );

  test(
    `${runtime}: IPC and processes are the host's, the pod's or the app's own`,
    async () => {
      const facts = "readlink /proc/self/ns/ipc; readlink /proc/self/ns/pid";
      const host = ["ipc", "pid"].map((name) => readlinkSync(`/proc/self/ns/${name}`));
      expect((await trial.shown(facts, [by, "--ipc=host", "--pid=host"])).trim().split("\n")).toEqual(host);
      for (const line of (await trial.shown(facts, [by, "--ipc=private"])).trim().split("\n"))
        expect(host).not.toContain(line);
      const pod = await trial.start("sleep 60", [by, "--pid=host"]);
      await world.succeed(["stop", pod]);
      expect((await trial.status(pod)).apps[0]?.exitCode).toBe(143);
    },
    TIMEOUT_MS,
  );

  test(
    `${runtime}: a seccomp profile of the user's own takes the place of ours, and kernel paths can be hidden and shown`,
    async () => {
      const profile = file(
        "profile.json",
        JSON.stringify({
          defaultAction: "SCMP_ACT_ALLOW",
          archMap: [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] }],
          syscalls: [
            {
              names: ["mkdir", "mkdirat"],
              action: "SCMP_ACT_ERRNO",
              errnoRet: 38,
              excludes: { caps: ["CAP_SYS_ADMIN"] },
            },
          ],
        }),
      );
      const script = "mkdir /x 2>/dev/null && echo made || echo refused; wc -l < /proc/kallsyms; wc -c < /proc/version";
      const plain = await trial.shown(script.replaceAll("wc", "busybox wc"), [by]);
      expect(plain).toMatch(/^made\n0\n[1-9]/);
      const flags = [
        by,
        `--security-opt=seccomp=${profile}`,
        "--security-opt=unmask=/proc/kallsyms",
        "--security-opt=mask=/proc/version",
      ];
      expect(await trial.shown(script.replaceAll("wc", "busybox wc"), flags)).toMatch(/^refused\n[1-9]\d*\n0\n$/);
      expect(await trial.shown("mkdir /x && echo made", [...flags, "--cap-add=SYS_ADMIN"])).toBe("made\n");
    },
    TIMEOUT_MS,
  );

  test(
    `${runtime}: a CDI device brings its nodes, mounts and environment; the later directory wins`,
    async () => {
      const data = file("cdi-data", "from the vendor\n");
      const edits = {
        env: ["CARD=json"],
        mounts: [{ hostPath: data, containerPath: "/vendor", options: ["ro", "bind"] }],
      };
      const node = { deviceNodes: [{ path: "/dev/card0", hostPath: "/dev/fuse", permissions: "rw" }] };
      file(
        "cdi-etc/card.json",
        JSON.stringify({
          cdiVersion: "0.6.0",
          kind: "example.com/card",
          containerEdits: edits,
          devices: [{ name: "zero", containerEdits: node }],
        }),
      );
      file(
        "cdi-run/other.yaml",
        'cdiVersion: "0.5.0"\nkind: example.com/other\ndevices:\n- name: "1"\n  containerEdits:\n    env: [ "OTHER=yaml" ]\n',
      );
      const dirs = ["cdi-etc", "cdi-run"].map((dir) => `--cdi-spec-dir=${join(world.dir, dir)}`);
      const flags = [by, ...dirs, "--device=example.com/card=zero", "--device=example.com/other=1"];
      const script = "echo $CARD $OTHER; cat /vendor; stat -c %t:%T /dev/card0; : < /dev/card0 && echo opened";
      expect(await trial.shown(script, flags)).toBe("json yaml\nfrom the vendor\na:e5\nopened\n");
    },
    TIMEOUT_MS,
  );

  test(
    `${runtime}: hooks run at their stages for the apps they are for, only when they are root's`,
    async () => {
      const hooks = `hooks-${runtime}`;
      const trace = join(world.dir, `${hooks}.trace`);
      const program = file(`${hooks}-program`, `#!/bin/sh\ncat > /dev/null\necho "$1" >> ${trace}\n`);
      chmodSync(program, 0o755);
      const write = (name: string, stages: readonly string[], when: object) =>
        file(
          `${hooks}/${name}.json`,
          JSON.stringify({ version: "1.0.0", hook: { path: program, args: ["hook", name] }, when, stages }),
        );
      write("10-made", ["createRuntime"], { always: true });
      write("20-started", ["poststart"], { annotations: { "^purpose$": "^test$" } });
      write("30-never", ["createRuntime"], { annotations: { "^purpose$": "^other$" } });
      const last = write("40-ended", ["poststop"], { hasBindMounts: false });
      const flags = [by, `--hooks-dir=${join(world.dir, hooks)}`, "--label=purpose=test"];
      expect(await trial.shown("echo app", flags)).toBe("app\n");
      await until(async () => readFileSync(trace, "utf8") === "10-made\n20-started\n40-ended\n");
      chownSync(last, 1000, 1000);
      const refused = await trial.sh("echo app", flags);
      expect([refused.exitCode, refused.stdout]).toEqual([254, ""]);
      expect(refused.stderr).toContain("somebody but root could have written it");
    },
    TIMEOUT_MS,
  );
}

/** A directory of the world that is a shared mount. */
function sharedMount(name: string): string {
  const path = join(world.dir, name);
  mkdirSync(path);
  for (const argv of [
    ["mount", "--bind", path, path],
    ["mount", "--make-shared", path],
  ])
    expect(Bun.spawnSync(argv).exitCode).toBe(0);
  return path;
}

test.each([
  ["oci", "--runtime=crun"],
  ["oci", "--runtime=runc"],
  ["fly", "--cap-add=SYS_ADMIN"],
  ["systemd", "--cap-add=SYS_ADMIN"],
])(
  "%s %s: mounts pass between host and volume as asked for",
  async (stage1, more) => {
    const dir = sharedMount(`shared-${stage1}-${more}`);
    mkdirSync(join(dir, "in"));
    mkdirSync(join(dir, "out"));
    const run = async (propagation: string) => {
      const flags = [
        "-v",
        `${dir}:/volume:${propagation}`,
        more,
        "--cap-add=SYS_ADMIN",
        "--security-opt=seccomp=unconfined",
      ];
      const net = stage1 === "fly" ? [] : ["--net=none"];
      const script = "mount -t tmpfs inside /volume/out; echo up; while :; do sleep 0.1; done";
      const app = ["localhost/app:1", "--exec=sh", "--", "-c", script];
      const pod = (
        await world.succeed([LOOSE, "-q", "run", "-d", `--stage1=${stage1}`, ...net, ...flags, ...app])
      ).stdout.trim();
      await until(async () => (await world.succeed(["logs", pod])).stdout.includes("up"));
      expect(Bun.spawnSync(["mount", "-t", "tmpfs", "outside", join(dir, "in")]).exitCode).toBe(0);
      const inside = await world
        .succeed(["exec", pod, "--", "grep", "-c", " /volume/in .* outside ", "/proc/self/mountinfo"])
        .catch(() => ({ stdout: "0\n" }));
      const outside = readFileSync("/proc/self/mountinfo", "utf8").includes(" inside rw");
      Bun.spawnSync(["umount", join(dir, "in")]);
      await world.succeed(["stop", "--force", pod]);
      Bun.spawnSync(["umount", join(dir, "out")]);
      return { intoApp: inside.stdout === "1\n", outOfApp: outside };
    };
    try {
      expect(await run("rprivate")).toEqual({ intoApp: false, outOfApp: false });
      expect(await run("rslave")).toEqual({ intoApp: true, outOfApp: false });
      if (stage1 === "systemd") return;
      expect(await run("rshared")).toEqual({ intoApp: true, outOfApp: true });
    } finally {
      Bun.spawnSync(["umount", "--recursive", dir]);
    }
    const refused = await trial.sh("true", ["-v", `${dir}:/volume:rshared`]);
    expect([refused.exitCode, refused.stderr.includes("is private to the host")]).toEqual([254, true]);
  },
  TIMEOUT_MS,
);

test(
  "exec has the app's limits",
  async () => {
    for (const stage1 of ["oci", "systemd", "fly"]) {
      const run = [
        "run",
        "-d",
        `--stage1=${stage1}`,
        ...(stage1 === "fly" ? [] : ["--net=none"]),
        "--ulimit=nofile=90:190",
        "localhost/app:1",
        "--exec=sleep",
        "--",
        "60",
      ];
      const pod = (await world.succeed([LOOSE, "-q", ...run])).stdout.trim();
      const inside = ["exec", pod, "--", "grep", "open files", "/proc/self/limits"];
      expect(`${stage1}: ${(await world.succeed(inside)).stdout}`).toMatch(/ 90 +190 /);
      const { apps } = await trial.status(pod);
      expect(readFileSync(`/proc/${apps[0]?.pid}/limits`, "utf8")).toMatch(/Max open files +90 +190 /);
      await world.succeed(["stop", "--force", pod]);
    }
  },
  TIMEOUT_MS,
);

test(
  "what cannot be is refused with a hint, and nothing stays",
  async () => {
    const bad = file("bad.json", "{}");
    const loose = file("loose/a.json", "{}");
    chmodSync(loose, 0o666);
    for (const [flags, said] of [
      [["--runtime=docker"], "knows no such runtime"],
      [["--sysctl=kernel.panic=1"], "one of the whole host"],
      [["--sysctl=net.ipv4.ip_forward=1", "--net=host"], "the pod uses the host's"],
      [["--sysctl=kernel.shmmni=1", "--ipc=host"], "the pod uses the host's"],
      [["--device=/dev/nothing-of-the-kind"], "none of that name"],
      [["--device=/etc/passwd"], "it is none"],
      [["--device=example.com/card=zero"], "Cannot find device"],
      [["--device=a.com/b=c", `--cdi-spec-dir=${join(world.dir, "loose")}`], "somebody but root could have written it"],
      [[`--security-opt=seccomp=${bad}`], "Cannot use seccomp profile"],
      [["--security-opt=seccomp=/nowhere.json"], "/nowhere.json"],
      [["--security-opt=apparmor=nothing-loaded"], "AppArmor"],
      [["--stage1=systemd", "-v", "/srv:/srv:rshared"], "use one that has: --stage1=oci, --stage1=fly"],
      [["--stage1=systemd", "--device=/dev/fuse"], "use one that has: --stage1=oci"],
      [["--stage1=gvisor", "--pid=pod"], "use one that has: --stage1=oci"],
      [["--stage1=fly", "--sysctl=net.ipv4.ip_default_ttl=1"], "use one that has: --stage1=oci"],
    ] as const) {
      const refused = await trial.sh("true", flags);
      expect(`${flags.join(" ")}: ${refused.exitCode}`).toBe(`${flags.join(" ")}: 254`);
      expect(refused.stderr).toContain(said);
      expect(refused.stderr).toContain("hint: ");
    }
    const prepared = await world.gantry([LOOSE, "prepare", "--stage1=kvm", "--sysctl=net.a=1", "localhost/app:1"]);
    expect(prepared.exitCode).toBe(7);
  },
  TIMEOUT_MS,
);
