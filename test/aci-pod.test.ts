import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeAci, run } from "./harness/aci.ts";
import { createWorld } from "./harness/world.ts";

const TIMEOUT_MS = 180_000;
const INSECURE = "--insecure-options=image";

test(
  "aci: isolators, groups, mount points and volumes by name take effect, and what does not is told",
  async () => {
    await using world = await createWorld();
    const script = "cat /proc/self/status; cat /data/here; ls -d /scratch; id -G";
    const file = makeAci(world, "example.com/app", {
      manifest: {
        app: {
          exec: ["/bin/sh", "-c", script],
          user: "/bin/busybox",
          group: "0",
          supplementaryGIDs: [77, 78],
          isolators: [
            { name: "os/linux/capabilities-retain-set", value: { set: ["CAP_KILL", "CAP_SYS_ADMIN"] } },
            { name: "resource/network-bandwidth", value: { default: true, limit: "1G" } },
            { name: "resource/memory", value: { limit: "64Mi" } },
            { name: "example.com/unheard-of", value: {} },
          ],
          mountPoints: [
            { name: "data", path: "/data" },
            { name: "scratch", path: "/scratch" },
          ],
        },
      },
    });
    mkdirSync(join(world.dir, "data"));
    writeFileSync(join(world.dir, "data/here"), "from the host\n");
    const volume = `--volume=data,kind=host,source=${join(world.dir, "data")}`;
    const ran = await world.gantry([INSECURE, "run", `aci:${file}`, "--net=none", "--name=told", volume]);
    expect(ran.stdout).toContain("CapBnd:\t0000000000000020\n");
    expect(ran.stdout).toContain("from the host\n/scratch\n");
    expect(ran.stdout.trim().split("\n").at(-1)).toBe("0 77 78");
    expect(ran.stderr).toContain("capabilities-retain-set of app example-com-app is modified: without CAP_SYS_ADMIN");
    expect(ran.stderr).toContain("isolator resource/network-bandwidth of app example-com-app is ignored");
    expect(ran.stderr).toContain("isolator example.com/unheard-of of app example-com-app is ignored");
    const manifest = JSON.parse((await world.succeed(["cat-manifest", "told"])).stdout);
    expect(manifest.apps[0].isolators).toHaveLength(4);
    expect(manifest.apps[0].limits).toEqual({ memoryBytes: 64 * 1024 * 1024 });

    const noArch = makeAci(world, "example.com/noarch", { manifest: { labels: [{ name: "os", value: "linux" }] } });
    const refused = await world.gantry([INSECURE, "prepare", `aci:${noArch}`, "--json"]);
    expect(JSON.parse(refused.stderr.trim().split("\n").at(-1) ?? "").error.code).toBe("image/no-platform");
  },
  TIMEOUT_MS,
);

test(
  "aci: seccomp sets and oom-score-adj take effect, also when only what a shell needs is retained",
  async () => {
    await using world = await createWorld();
    const script = "mkdir /made || echo refused; cat /proc/self/oom_score_adj; grep Seccomp: /proc/self/status";
    const image = (name: string, isolators: readonly unknown[]) =>
      makeAci(world, name, {
        manifest: { app: { exec: ["/bin/sh", "-c", script], user: "0", group: "0", isolators } },
      });
    const oom = { name: "os/linux/oom-score-adj", value: 700 };
    const removed = image("example.com/removed", [
      { name: "os/linux/seccomp-remove-set", value: { set: ["mkdir", "mkdirat"], errno: "EPERM" } },
      oom,
    ]);
    // Traced from busybox: a shell that starts other programs and reads files.
    const shell = `read write open openat close stat fstat lstat newfstatat lseek rt_sigaction rt_sigprocmask ioctl access
      pipe pipe2 dup dup2 dup3 fcntl clone fork vfork wait4 waitid chdir getcwd readlink readlinkat sendfile execve uname
      getdents64 poll pread64 readv writev umask setuid setgid kill tgkill faccessat faccessat2 statx clone3`;
    const retained = image("example.com/retained", [
      { name: "os/linux/seccomp-retain-set", value: { set: shell.split(/\s+/), errno: "EPERM" } },
      oom,
    ]);
    for (const regime of ["systemd", "oci"]) {
      for (const file of [removed, retained]) {
        const ran = await world.gantry([INSECURE, "run", `aci:${file}`, "--net=none", `--stage1=${regime}`]);
        expect(ran).toEqual({
          exitCode: 0,
          stdout: "refused\n700\nSeccomp:\t2\n",
          stderr: expect.not.stringContaining("isolator"),
        });
        const free = await world.gantry([
          INSECURE,
          "run",
          `aci:${file}`,
          "--net=none",
          `--stage1=${regime}`,
          "--seccomp=unconfined",
        ]);
        expect(free.stdout).not.toContain("refused");
        expect(free.stderr).toContain("is ignored: the command line says what is filtered");
      }
    }
    const flown = await world.gantry([INSECURE, "run", `aci:${removed}`, "--stage1=fly"]);
    expect(flown.stderr).toContain("isolator os/linux/seccomp-remove-set of app example-com-removed is ignored");
  },
  TIMEOUT_MS,
);

test(
  "aci: a pod manifest runs its apps by image ID, with its own app sections and volumes; others are refused",
  async () => {
    await using world = await createWorld();
    const file = makeAci(world, "example.com/app", { compression: "none" });
    await world.succeed([INSECURE, "fetch", `aci:${file}`]);
    const id = `sha512-${run(["sha512sum", file]).slice(0, 128)}`;
    mkdirSync(join(world.dir, "out"), { mode: 0o777 });
    const pod = {
      acVersion: "0.8.11",
      acKind: "PodManifest",
      apps: [
        {
          name: "writer",
          image: { id, name: "example.com/app", labels: [{ name: "version", value: "1.0.0" }] },
          app: {
            exec: [
              "/bin/sh",
              "-c",
              "echo $GREETING from $AC_APP_NAME > /out/file; cat /proc/self/status > /out/status",
            ],
            user: "0",
            group: "0",
            environment: [{ name: "GREETING", value: "hello" }],
            mountPoints: [{ name: "out", path: "/out" }],
            isolators: [
              { name: "os/linux/capabilities-retain-set", value: { set: ["CAP_DAC_OVERRIDE", "CAP_NET_RAW"] } },
            ],
          },
          mounts: [{ volume: "out", path: "/out" }],
          readOnlyRootFS: true,
        },
        { name: "plain", image: { id } },
      ],
      volumes: [{ name: "out", kind: "host", source: join(world.dir, "out") }],
      userLabels: { team: "blue" },
    };
    const path = join(world.dir, "pod.json");
    const write = (value: unknown) => writeFileSync(path, JSON.stringify(value));
    write(pod);
    const ran = await world.gantry([INSECURE, "run", `--pod-manifest=${path}`, "--net=none", "--name=both"]);
    expect(ran.exitCode).toBe(0);
    expect(ran.stdout).toContain("hello from plain\n");
    expect(readFileSync(join(world.dir, "out/file"), "utf8")).toBe("hello from writer\n");
    expect(readFileSync(join(world.dir, "out/status"), "utf8")).toContain("CapBnd:\t0000000000002002\n");
    const manifest = JSON.parse((await world.succeed(["cat-manifest", "both"])).stdout);
    expect(JSON.parse(manifest.appcPodManifest)).toEqual(pod);
    expect(manifest.labels).toEqual({ team: "blue" });

    const refused = async (value: unknown, code: string, exitCode: number, ...more: string[]) => {
      write(value);
      const result = await world.gantry([INSECURE, "prepare", `--pod-manifest=${path}`, "--json", ...more]);
      expect(JSON.parse(result.stderr.trim().split("\n").at(-1) ?? "").error.code).toBe(code);
      expect(result.exitCode).toBe(exitCode);
    };
    await refused({ ...pod, apps: [{ ...pod.apps[0], image: {} }] }, "image/bad-manifest", 2);
    await refused({ ...pod, volumes: [] }, "pod/missing-volume", 2);
    await refused({ ...pod, ports: [{ name: "web", hostPort: 80 }] }, "pod/bad-option", 2);
    await refused(pod, "cli/usage", 2, "example.com/other");
    const other = { ...pod.apps[1], image: { id, labels: [{ name: "version", value: "2.0.0" }] } };
    await refused({ ...pod, apps: [other] }, "image/name-mismatch", 4);
    const unknown = { ...pod.apps[1], image: { id: `sha512-${"0".repeat(128)}` } };
    await refused({ ...pod, apps: [unknown] }, "store/not-found", 3);
  },
  TIMEOUT_MS,
);

test(
  "aci: pre-start runs before the app and its failure is the app's; post-stop runs after it, also when the pod is stopped",
  async () => {
    await using world = await createWorld();
    mkdirSync(join(world.dir, "log"), { mode: 0o777 });
    run(["chmod", "777", join(world.dir, "log")]);
    const volume = `--volume=log,kind=host,source=${join(world.dir, "log")}`;
    const log = () => readFileSync(join(world.dir, "log/log"), "utf8");
    const note = (text: string) => ["/bin/sh", "-c", `echo ${text} as $(id -u) >> /log/log`];
    const image = (name: string, exec: readonly string[], preStart = note("before")) =>
      makeAci(world, `example.com/${name}`, {
        manifest: {
          app: {
            exec,
            user: "1000",
            group: "1000",
            eventHandlers: [
              { name: "pre-start", exec: preStart },
              { name: "post-stop", exec: note("after") },
            ],
            mountPoints: [{ name: "log", path: "/log" }],
          },
        },
      });
    run(["sh", "-c", `touch ${join(world.dir, "log/log")} && chmod 666 ${join(world.dir, "log/log")}`]);
    const start = (file: string, ...flags: string[]) =>
      world.gantry([INSECURE, "run", `aci:${file}`, "--net=none", volume, ...flags]);

    const fails = await start(image("fails", ["/bin/sh", "-c", "echo during as $(id -u) >> /log/log; exit 9"]));
    expect(fails.exitCode).toBe(9);
    expect(log()).toBe("before as 0\nduring as 1000\nafter as 0\n");

    writeFileSync(join(world.dir, "log/log"), "");
    const never = await start(image("never", note("during"), ["/bin/sh", "-c", "exit 5"]));
    expect(never.exitCode).toBe(5);
    expect(log()).not.toContain("during");

    writeFileSync(join(world.dir, "log/log"), "");
    const long = image("long", ["/bin/sh", "-c", "echo during as $(id -u) >> /log/log; exec /bin/busybox sleep 1000"]);
    expect((await start(long, "-d", "--name=long")).exitCode).toBe(0);
    await world.succeed(["status", "--wait-ready=30s", "long"]);
    for (let tries = 0; !log().includes("during") && tries < 100; tries++) await Bun.sleep(50);
    await world.succeed(["stop", "long"]);
    expect(log()).toBe("before as 0\nduring as 1000\nafter as 0\n");
  },
  TIMEOUT_MS,
);
