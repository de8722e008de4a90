import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeAci } from "./harness/aci.ts";
import { gantryArgv, gantryEnv } from "./harness/gantry.ts";
import { busyboxImage, writeArchive } from "./harness/images.ts";
import { kernelPackage } from "./harness/kernel.ts";
import { createWorld, type World } from "./harness/world.ts";

// Every boot costs seconds where guests are emulated: each story asks one machine as much as it can.
const TIMEOUT_MS = 300_000;
const LOOSE = ["--insecure-options=image", "-q"];
const RUN = [...LOOSE, "run", "--stage1=kvm"];
const IMAGE = "localhost/app:1";

let world: World;

beforeAll(async () => {
  if (process.getuid?.() !== 0) throw new Error("these stories need root");
  world = await createWorld();
  await world.succeed(["stage1", "build", "kvm", `--kernel-deb=${kernelPackage()}`]);
  const layered = busyboxImage([
    { path: "data", kind: "dir" },
    { path: "data/hidden", content: "below\n" },
    { path: "data/odd", content: "x\n", uid: 1234, gid: 4321, modeOctal: 0o640 },
    { path: "opaque", kind: "dir" },
    { path: "opaque/below", content: "below\n" },
    { path: "link", kind: "symlink", linkTarget: "/place" },
    { path: "place", kind: "dir" },
  ]).withLayer([
    { path: "data/.wh.hidden", content: "" },
    { path: "opaque/.wh..wh..opq", content: "" },
    { path: "opaque/above", content: "above\n" },
  ]);
  await world.succeed([...LOOSE, "fetch", `oci-archive:${writeArchive(world, "app", layered)}:1`]);
}, TIMEOUT_MS);

afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
}, TIMEOUT_MS);

const app = (name: string, script: string, flags: readonly string[] = []) =>
  [IMAGE, `--app-name=${name}`, ...flags, "--exec=sh", "--", "-c", script] as const;

test(
  "kvm: network, port, volumes, layers, exec with and without a terminal, logs, stats, stop",
  async () => {
    const shared = join(world.dir, "shared");
    mkdirSync(shared);
    writeFileSync(join(shared, "f"), "from the host\n");
    const volumes = [
      `--volume=${shared}:/link/shared`,
      `--volume=${shared}:/ro:ro`,
      "--volume=e,kind=empty,mode=1750,uid=1000",
      "--mount=volume=e,target=/empty",
    ];
    const script = "echo out; echo err >&2; mkdir /www; echo page > /www/index.html; httpd -f -p 80 -h /www";
    await world.succeed([...RUN, "-d", "--name=web", "-p", "8085:80", ...volumes, ...app("web", script)]);
    const status = JSON.parse((await world.succeed(["status", "web", "--json"])).stdout);
    expect([status.state, status.stage1, status.apps[0].state]).toEqual(["running", "kvm", "running"]);

    // Nothing of Gantry stays: a shell that waits for the emulator, which has no rights of its own.
    expect(readlinkSync(`/proc/${status.pid}/exe`)).toMatch(/\/(da|ba|busybox)?sh$/);
    const emulator = readFileSync(`/proc/${childOf(status.pid)}/status`, "utf8");
    expect(emulator).toMatch(/^Name:\tqemu-system/m);
    expect(emulator).not.toMatch(/^Uid:\t0\b/m);
    expect(emulator).toMatch(/^CapEff:\t0+$/m);
    expect(emulator).toMatch(/^CapBnd:\t0+$/m);
    expect(emulator).toMatch(/^NoNewPrivs:\t1$/m);
    expect(emulator).toMatch(/^Seccomp:\t2$/m);

    const addresses = (status.networks[0].addresses as string[]).map((one) => one.split("/")[0] ?? "");
    const [v4 = "", v6 = ""] = addresses;
    // The bridge's address is one of the host's own.
    const host = v4.replace(/\d+\.\d+$/, "0.1");
    for (const url of [`http://${v4}/`, `http://[${v6}]/`, `http://${host}:8085/`, "http://127.0.0.1:8085/"])
      expect(`${url} ${await get(url)}`).toBe(`${url} page\n`);

    const inside = (text: string, flags: readonly string[] = [], stdin?: string) =>
      world.gantry(["-q", "exec", ...flags, "web", "--", "sh", "-c", text], stdin === undefined ? {} : { stdin });
    const looked = await inside(
      [
        "cat /link/shared/f; echo guest > /place/shared/g; touch /ro/x",
        "stat -c '%a %u' /empty; ls /data /opaque; stat -c '%a %u %g' /data/odd",
        "ip -o addr show eth0; grep -c . /etc/resolv.conf; uname -r; ls /dev",
        "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status; exit 5",
      ].join("\n"),
    );
    expect(looked.exitCode).toBe(5);
    expect(looked.stderr).toContain("/ro/x: Read-only file system");
    expect(looked.stdout).toStartWith("from the host\n1750 1000\n/data:\nodd\n\n/opaque:\nabove\n640 1234 4321\n");
    for (const text of [v4, v6, "-cloud-", "CapEff:\t00000000800405fb", "CapBnd:\t00000000800405fb", "NoNewPrivs:\t1"])
      expect(looked.stdout).toContain(text);
    expect(looked.stdout).toContain("Seccomp:\t2");
    expect(looked.stdout).not.toMatch(/^(vda|vport|kmsg|mem|hvc0)/m);
    expect(readFileSync(join(shared, "g"), "utf8")).toBe("guest\n");

    for (const attack of [
      "mount -t tmpfs x /bin",
      "unshare -m true",
      "mknod /x b 254 0",
      "echo h > /proc/sysrq-trigger",
      "echo x > /proc/sys/kernel/hostname",
      "ls /proc/1/root/gantry",
    ])
      expect(`${attack}: ${(await inside(attack)).exitCode === 0}`).toBe(`${attack}: false`);

    const piped = await inside("id -u; wc -c", ["-i", "-u", "web", "-w", "/tmp"], "x".repeat(400_000));
    expect(piped.stdout).toMatch(/^1000\n\s*400000\n$/);
    const terminal = await inside("ls -l /proc/self/fd/1; echo $TERM; exit 3", ["-t"]);
    expect([terminal.exitCode, terminal.stdout]).toEqual([3, expect.stringMatching(/-> \/dev\/pts\/0\r\nxterm\r\n$/)]);
    expect((await world.gantry(["exec", "web", "nosuch"])).exitCode).toBe(254);

    const limit = (file: string) => inside(`cat /sys/fs/cgroup/system.slice/app-web.service/${file}`);
    await world.succeed(["update", "--memory=200m", "--cpus=0.5", "web"]);
    for (let tries = 0; tries < 20 && (await limit("memory.max")).stdout !== `${200 * 1024 * 1024}\n`; tries++);
    expect((await limit("memory.max")).stdout + (await limit("cpu.max")).stdout).toBe("209715200\n50000 100000\n");
    for (const [flag, said] of [
      ["--memory=8g", "more memory than its virtual machine has: 1024 MiB"],
      ["--cpus=64", "more processor time than its virtual machine has"],
    ] as const) {
      const refused = await world.gantry(["update", flag, "web"]);
      expect([flag, refused.exitCode === 0, refused.stderr]).toEqual([flag, false, expect.stringContaining(said)]);
    }

    const [row] = JSON.parse((await world.succeed(["stats", "--json", "web"])).stdout);
    expect(row.pod.memoryBytes).toBeGreaterThan(0);
    await world.succeed(["stop", "web"]);
    const logs = await world.succeed(["logs", "web"]);
    expect([logs.stdout, logs.stderr]).toEqual(["out\n", "err\n"]);
    const ended = JSON.parse((await world.succeed(["status", "web", "--json"])).stdout);
    expect([ended.state, ended.exitCode]).toEqual(["exited", 143]);
  },
  TIMEOUT_MS,
);

test(
  "kvm: limits hold inside the guest, standard input ends, and disks are made once",
  async () => {
    const script = "cat; tail /dev/zero";
    const ran = await world.gantry(
      [
        ...RUN,
        "-i",
        "--name=small",
        "--net=none",
        "--memory=48m",
        "--readonly-rootfs",
        IMAGE,
        "--exec=sh",
        "--",
        "-c",
        `touch /x; ${script}`,
      ],
      { stdin: "over\n" },
    );
    expect([ran.exitCode, ran.stdout, ran.exitCode === 137 ? "" : await consoleOf("small")]).toEqual([
      137,
      "over\n",
      "",
    ]);
    expect(ran.stderr).toContain("/x: Read-only file system");
    const status = JSON.parse((await world.succeed(["status", "small", "--json"])).stdout);
    expect(status.apps[0].oomKilled).toBe(true);
    const exits = JSON.parse((await world.succeed(["audit", "log", "--json", "--kind=app.exited"])).stdout);
    const own = exits.filter((event: { data: { pod: string } }) => event.data.pod === status.uuid);
    expect(own).toMatchObject([{ data: { exitCode: 137, oomKilled: true, occurredAt: expect.any(String) } }]);
    const layers = join(world.root, "layers");
    const disks = readdirSync(layers).map((name) =>
      readdirSync(join(layers, name)).filter((one) => /^disk\.(e|s)/.test(one)),
    );
    expect(disks.every((found) => found.length === 1)).toBe(true);
  },
  TIMEOUT_MS,
);

test(
  "kvm: pre-start and post-stop run around the app; a signal to run ends the guest in order, with the app's own code",
  async () => {
    const said = join(world.dir, "said");
    mkdirSync(said);
    writeFileSync(join(said, "log"), "");
    chmodSync(join(said, "log"), 0o666);
    const note = (text: string) => ["/bin/sh", "-c", `echo ${text} as $(id -u) >> /said/log`];
    const script = "trap 'exit 9' TERM; echo during as $(id -u) >> /said/log; while :; do sleep 0.1; done";
    const file = makeAci(world, "example.com/handled", {
      manifest: {
        app: {
          exec: ["/bin/sh", "-c", script],
          user: "1000",
          group: "1000",
          eventHandlers: [
            { name: "pre-start", exec: note("before") },
            { name: "post-stop", exec: note("after") },
          ],
          mountPoints: [{ name: "said", path: "/said" }],
        },
      },
    });
    const volume = `--volume=said,kind=host,source=${said}`;
    const options = { root: world.root, config: world.config };
    const argv = gantryArgv([...RUN, `aci:${file}`, "--net=none", volume], options);
    const run = Bun.spawn(argv, { env: gantryEnv(options), stdin: "ignore", stdout: "ignore", stderr: "inherit" });
    const log = () => readFileSync(join(said, "log"), "utf8");
    for (let tries = 0; tries < 1000 && !log().includes("during"); tries++) await Bun.sleep(100);
    run.kill("SIGTERM");
    expect([await run.exited, log()]).toEqual([9, "before as 0\nduring as 1000\nafter as 0\n"]);
  },
  TIMEOUT_MS,
);

test(
  "kvm: kill -9 of the emulator ends the pod; the next command takes everything back",
  async () => {
    await world.succeed([...RUN, "-d", "--name=gone", ...app("app", "sleep 600")]);
    const { pid } = JSON.parse((await world.succeed(["status", "gone", "--json"])).stdout);
    process.kill(childOf(pid), "SIGKILL");
    await world.succeed(["status", "--wait=30s", "gone"]);
    const status = JSON.parse((await world.succeed(["status", "gone", "--json"])).stdout);
    expect([status.state, status.exitCode]).toEqual(["exited", 255]);
    await world.succeed(["rm", "gone"]);
    await world.succeed(["gc", "--grace-period=0s"]);
  },
  TIMEOUT_MS,
);

test(
  "kvm: what a guest cannot have is refused with a hint, and nothing stays",
  async () => {
    for (const [flag, named] of [
      ["--net=host", "host's network"],
      ["--exec=/bin/missing", "/bin/missing"],
      ["--user=nobody-here", "nobody-here"],
    ] as const) {
      const refused = await world.gantry([...RUN, ...(named === "host's network" ? [] : ["--net=none"]), IMAGE, flag]);
      expect(`${flag}: ${refused.exitCode}`).toBe(`${flag}: 254`);
      expect(refused.stderr).toContain(named);
      expect(refused.stderr).toContain("hint: ");
    }
    const wrong = await world.gantry(["stage1", "build", "kvm", "--kernel-deb=/no/such.deb"]);
    expect([wrong.exitCode, wrong.stderr.includes("/no/such.deb")]).toEqual([1, true]);
    const listed = JSON.parse((await world.succeed(["list", "--json"])).stdout) as { readonly state: string }[];
    expect(listed.filter((pod) => pod.state !== "exited")).toEqual([]);
  },
  TIMEOUT_MS,
);

/** What the guest's kernel and first program said, for the message of a failure. */
async function consoleOf(name: string): Promise<string> {
  const { uuid } = JSON.parse((await world.succeed(["status", name, "--json"])).stdout);
  return readFileSync(join(world.root, "pods/run", uuid, "vm/console"), "utf8");
}

function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ")[0]);
}

/** The guest's own server may need a moment after its pod has been reported ready. */
async function get(url: string): Promise<string> {
  for (let tries = 0; ; tries++) {
    try {
      return await (await fetch(url)).text();
    } catch (reason) {
      if (tries >= 600) return String(reason);
      await Bun.sleep(100);
    }
  }
}
