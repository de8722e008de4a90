import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gantryArgv, gantryEnv } from "./harness/gantry.ts";
import { LOOSE, makeTrial, type Stage1Trial, until } from "./harness/stage1-trial.ts";
import { gantryOnTerminal } from "./harness/terminal.ts";
import { createWorld, type World } from "./harness/world.ts";

const TIMEOUT_MS = 120_000;
const RUNTIMES = ["crun", "runc"] as const;
const NOBODY = 65_534;

let world: World;
let trial: Stage1Trial;

beforeAll(async () => {
  world = await createWorld();
  trial = await makeTrial(world, "oci");
}, TIMEOUT_MS);

afterAll(async () => {
  await world[Symbol.asyncDispose]();
}, TIMEOUT_MS);

/** The part of a pod's manifest that says whose ids it has. */
interface Ids {
  readonly kind: string;
  readonly uidMappings: readonly { readonly containerId: number; readonly hostId: number; readonly size: number }[];
  readonly gidMappings: Ids["uidMappings"];
}

async function idsOf(pod: string): Promise<Ids> {
  const shown = await world.succeed(["cat-manifest", pod]);
  return (JSON.parse(shown.stdout) as { userns: Ids }).userns;
}

async function lines(script: string, flags: readonly string[]): Promise<string[]> {
  return (await trial.shown(script, flags)).trim().split("\n");
}

/** A directory of the host anybody may write to, with a file that is root's alone. */
function hostDirectory(name: string): string {
  const dir = join(world.dir, name);
  mkdirSync(dir);
  chmodSync(dir, 0o1777);
  writeFileSync(join(dir, "secret"), "of the host's root", { mode: 0o600 });
  return dir;
}

/** Runtimes give an app's standard streams to its user. */
function expectNullIsTheHosts(): void {
  expect(statSync("/dev/null").uid).toBeLessThanOrEqual(NOBODY);
}

const ownerOf = (path: string) => [statSync(path).uid, statSync(path).gid];
const starts = (maps: Ids["uidMappings"]) => maps.map(({ hostId }) => hostId);

for (const runtime of RUNTIMES) {
  const by = [`--runtime=${runtime}`, "--userns=auto"];

  test(
    `${runtime}: root inside is somebody else on the host, in every namespace of the pod, also for exec, logs and stats`,
    async () => {
      const script = "echo from stdout > /dev/stdout; echo mine > /made; exec sleep 1000";
      const pod = await trial.start(script, [...by, "--net=default", "--hostname=inside"]);
      const { uidMappings, gidMappings, kind } = await idsOf(pod);
      const [uids, gids] = [uidMappings[0], gidMappings[0]];
      expect(kind).toBe("auto");
      expect([uids?.containerId, uids?.size]).toEqual([0, 65_536]);
      expect((await world.succeed(["status", pod])).stdout).toContain(`\nuid-map=0:${uids?.hostId}:65536\n`);
      const pid = (await trial.status(pod)).apps[0]?.pid ?? 0;
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      expect(/^Uid:\s+(\d+)/m.exec(status)?.[1]).toBe(String(uids?.hostId));
      expect(/^Gid:\s+(\d+)/m.exec(status)?.[1]).toBe(String(gids?.hostId));
      expect(readFileSync(`/proc/${pid}/uid_map`, "utf8").trim().split(/\s+/).map(Number)).toEqual([
        0,
        uids?.hostId ?? 0,
        65_536,
      ]);
      for (const kind of ["user", "net", "ipc", "uts", "pid", "mnt", "cgroup"])
        expect(readlinkSync(`/proc/${pid}/ns/${kind}`)).not.toBe(readlinkSync(`/proc/self/ns/${kind}`));

      await until(async () => (await world.succeed(["logs", pod])).stdout === "from stdout\n");
      const inside = "id -u; id -g; stat -c %u:%g /bin/busybox /made /etc/hosts; hostname; readlink /proc/self/ns/user";
      const entered = await world.succeed(["exec", pod, "--", "sh", "-c", inside]);
      expect(entered.stdout.trim().split("\n")).toEqual([
        ...["0", "0", "0:0", "0:0", "0:0", "inside"],
        readlinkSync(`/proc/${pid}/ns/user`),
      ]);
      const asWeb = await world.succeed(["exec", "--user=web", pod, "--", "sh", "-c", "id -u; id -g; id -G"]);
      expect(asWeb.stdout.trim().split("\n")).toEqual(["1000", "1001", "1001 2000"]);
      // Its network is its own: it may set what is of the network, and see it in sysfs.
      const net = "cat /proc/sys/net/ipv4/ip_forward; ls /sys/class/net; ip -4 -o addr show eth0 | grep -c inet";
      expect((await world.succeed(["exec", pod, "--", "sh", "-c", net])).stdout).toContain("eth0\nlo\n1\n");
      expect((await world.succeed(["stats", "--json", pod])).stdout).toContain("memoryBytes");
      const halted = await world.gantry(["checkpoint", pod]);
      expect([halted.exitCode, halted.stderr]).toEqual([7, expect.stringContaining("user namespace")]);
      await world.succeed(["stop", pod]);
      expect((await trial.ended(pod)).apps[0]?.state).toBe("exited");
      // What was written lies there with the ids it has inside: no other pod's ids get into images or exports.
      expect(ownerOf(join(world.root, "pods/run", pod, "apps/app/upper/made"))).toEqual([0, 0]);
      await world.succeed(["rm", pod]);
    },
    TIMEOUT_MS,
  );

  test(
    `${runtime}: volumes keep the host's ids, or get the pod's, and root inside cannot get at the host's files`,
    async () => {
      const [plain, mapped] = [hostDirectory(`plain-${runtime}`), hostDirectory(`mapped-${runtime}`)];
      const script = [
        "stat -c %u:%g /plain/secret /mapped/secret /empty",
        "cat /plain/secret 2>/dev/null || echo refused",
        "chmod 666 /plain/secret 2>/dev/null || echo refused",
        "rm -f /plain/secret 2>/dev/null; cat /mapped/secret; echo",
        "touch /plain/a /mapped/a /empty/a; touch /mapped/b && busybox chown 5:6 /mapped/b; stat -c %u:%g /mapped/b",
        "touch /refused 2>/dev/null || echo read-only",
        "grep -c ' /slave .*idmapped' /proc/self/mountinfo",
      ].join("; ");
      const volumes = ["-v", `${plain}:/plain`, "-v", `${mapped}:/mapped:idmap`, "-v", "/empty"];
      const more = ["--mount", `type=bind,source=${mapped},target=/slave,bind-propagation=rslave,idmap`];
      expect(await lines(script, [...by, ...volumes, ...more, "--read-only", "--user=root"])).toEqual([
        `${NOBODY}:${NOBODY}`,
        "0:0",
        "0:0",
        "refused",
        "refused",
        "of the host's root",
        "5:6",
        "read-only",
        "1",
      ]);
      expect(readFileSync(join(plain, "secret"), "utf8")).toBe("of the host's root");
      expect(ownerOf(join(mapped, "a"))).toEqual([0, 0]);
      expect(ownerOf(join(mapped, "b"))).toEqual([5, 6]);
      expect(ownerOf(join(plain, "a"))[0]).toBeGreaterThan(NOBODY);
      expectNullIsTheHosts();
    },
    TIMEOUT_MS,
  );

  test(
    `${runtime}: with all capabilities nothing of the host can be had`,
    async () => {
      const tries = [
        "mknod /disk b 254 0",
        "echo 1 > /proc/sys/kernel/panic",
        "echo s > /proc/sysrq-trigger",
        "busybox mount -o remount,rw /proc/sys",
        "echo 5 > /proc/sys/vm/swappiness",
        "busybox chroot /host cat /etc/shadow",
        "cat /host/etc/shadow",
        "busybox kill -0 $OUTSIDE",
        "busybox nsenter -t $OUTSIDE -m true",
        "busybox mount -t ext4 /host/dev/vda /tmp",
      ];
      const script = tries.map((one) => `(${one}) > /tmp/said 2>&1 && echo "had: ${one.split(" ")[0]}"`).join("; ");
      const loose = ["--cap-add=ALL", "--seccomp=unconfined", "--security-opt=unmask=ALL", "--pid=host"];
      const flags = [...by, ...loose, "-v", "/:/host", "-e", `OUTSIDE=${process.pid}`];
      expect(await lines(`${script}; echo over`, flags)).toEqual(["over"]);
      // The same with the host's ids: what is tried here can be had.
      const control = `cat /host/etc/shadow > /dev/null && busybox kill -0 $OUTSIDE && echo had`;
      expect(
        await lines(
          control,
          flags.filter((flag) => !/^--(userns|cap-add)/.test(flag)),
        ),
      ).toEqual(["had"]);
    },
    TIMEOUT_MS,
  );

  test(
    `${runtime}: apps of a pod share the namespace, with and without an init, and what the pod shares with the host`,
    async () => {
      const app = (name: string, script: string) => [
        ...["localhost/app:1", `--app-name=${name}`, "--exec=sh", "--", "-c"],
        script,
      ];
      const first = "readlink /proc/self/ns/user > /dev/shm/one; sleep 2";
      const second =
        "while [ ! -s /dev/shm/one ]; do sleep 0.1; done; readlink /proc/self/ns/user | busybox cmp - /dev/shm/one && stat -c %u /dev/shm/one && busybox head -c 12 /proc/1/cmdline";
      const run = [LOOSE, "-q", "run", "--stage1=oci", "--net=none", ...by, "--pid=pod"];
      const both = await world.gantry([...run, ...app("one", first), "---", ...app("two", second)]);
      expect([both.exitCode, both.stdout]).toEqual([0, "0\n/catatonit\0-"]);
      expect(await lines("id -u; ls /sys/class/net | grep -c lo", [...by, "--net=host", "--ipc=host"])).toEqual([
        "0",
        "1",
      ]);
      const sysctls = ["--sysctl=net.ipv4.ping_group_range=0 7", "--sysctl=kernel.shmmni=99"];
      const shown = "cat /proc/sys/net/ipv4/ping_group_range /proc/sys/kernel/shmmni";
      expect(await lines(shown, [...by, ...sysctls])).toEqual(["0\t7", "99"]);
    },
    TIMEOUT_MS,
  );
}

test.each(RUNTIMES)(
  "%s: terminals belong to the pod's user, in the foreground, in the background and for exec",
  async (runtime) => {
    const options = { root: world.root, config: world.config };
    const flags = ["--userns=auto", `--runtime=${runtime}`];
    const pod = await trial.start("stat -c %u $(readlink /proc/self/fd/0); id -u > $(busybox tty); sleep 100", [
      ...flags,
      "-it",
    ]);
    await until(async () => (await world.succeed(["logs", pod])).stdout.replaceAll("\r", "") === "0\n0\n");
    await using entered = gantryOnTerminal(
      ["exec", "-it", pod, "--", "sh", "-c", "stat -c owner=%u $(busybox tty); exit 4"],
      options,
    );
    await entered.waitFor("owner=0");
    expect(await entered.exited).toBe(4);
    await world.succeed(["rm", "--force", pod]);
    const run = [LOOSE, "-q", "run", "-t", "--stage1=oci", "--net=none", ...flags, "localhost/app:1", "--exec=sh"];
    await using shell = gantryOnTerminal(run, options);
    await shell.waitFor("# ");
    await Bun.sleep(300); // a runtime may throw away what was typed before it took over the terminal
    shell.type("stat -c owner=%u $(busybox tty); exit 7\r");
    await shell.waitFor("owner=0");
    expect(await shell.exited).toBe(7);
    expectNullIsTheHosts();
  },
  TIMEOUT_MS,
);

test(
  "every pod has ids of its own until it is removed, also pods prepared at once",
  async () => {
    const prepare = async (...flags: readonly string[]) =>
      (await world.succeed([LOOSE, "-q", "prepare", "--stage1=oci", "localhost/app:1", ...flags])).stdout.trim();
    const pods = await Promise.all(["1000", "70000", "1"].map((size) => prepare(`--userns=auto:size=${size}`)));
    const ids = await Promise.all(pods.map(idsOf));
    const ranges = ids.flatMap(({ uidMappings }) => uidMappings).toSorted((a, b) => a.hostId - b.hostId);
    for (const [at, range] of ranges.entries()) {
      const next = ranges[at + 1];
      if (next !== undefined) expect(range.hostId + range.size).toBeLessThanOrEqual(next.hostId);
    }
    expect(ranges.map(({ size }) => size).toSorted((a, b) => a - b)).toEqual([1, 1000, 70_000]);

    const [first = "", second = ""] = pods;
    const taken = starts((await idsOf(second)).uidMappings)[0] ?? 0;
    const clash = await world.gantry([
      ...[LOOSE, "prepare", "--stage1=oci", "localhost/app:1"],
      `--uidmap=0:${taken}:1`,
    ]);
    expect([clash.exitCode, clash.stderr]).toEqual([6, expect.stringContaining(`id ${taken} of the host`)]);

    await world.succeed(["rm", first]);
    const again = await prepare("--userns=auto:size=1000");
    expect(starts((await idsOf(again)).uidMappings)).toEqual(starts(ids[0]?.uidMappings ?? []));
    await world.succeed(["rm", second, pods[2] ?? "", again]);
  },
  TIMEOUT_MS,
);

test(
  "kill -9 of the launcher at any moment leaves nothing that rm and gc cannot take back, and no ids taken",
  async () => {
    const listed = async () => JSON.parse((await world.succeed(["list", "--json"])).stdout) as { uuid: string }[];
    const before = (await listed()).map(({ uuid }) => uuid);
    const run = ["run", "--stage1=oci", "-d", "--net=default", "--userns=auto", "localhost/app:1", "--exec=sleep"];
    for (const moment of [15, 30, 45, 60, 80, 100, 150]) {
      const argv = gantryArgv([LOOSE, "-q", ...run, "--", "600"], { root: world.root, config: world.config });
      const child = Bun.spawn(argv, { env: gantryEnv(), stdin: "ignore", stdout: "ignore", stderr: "ignore" });
      await Promise.race([Bun.sleep(moment), child.exited]);
      child.kill("SIGKILL");
      await child.exited;
      const left = (await listed()).map(({ uuid }) => uuid).filter((uuid) => !before.includes(uuid));
      for (const uuid of left) await world.succeed(["rm", "--force", uuid]);
      await world.succeed(["gc", "--grace-period=1h"]);
    }
    const kept = join(world.root, "run/userns");
    expect(existsSync(kept) ? readdirSync(kept) : []).toEqual([]);
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(` ${world.root}/run/`);
    const pod = await world.succeed([LOOSE, "-q", "prepare", "--stage1=oci", "--userns=auto", "localhost/app:1"]);
    await world.succeed(["rm", pod.stdout.trim()]);
  },
  TIMEOUT_MS,
);

test(
  "maps may be given, and some of them beside chosen ones",
  async () => {
    const maps = ["--uidmap=0:300000:1000", "--uidmap=1000:7:1", "--gidmap=0:400000:2001"];
    const shown = "cat /proc/self/uid_map /proc/self/gid_map | busybox tr -s ' '; id -u";
    expect(await lines(shown, [...maps, "--user=web"])).toEqual([
      "0 300000 1000",
      " 1000 7 1",
      " 0 400000 2001",
      "1000",
    ]);
    const dir = hostDirectory("given");
    const fixed = "--userns=auto:size=2001,uidmapping=1000:1234:1";
    await lines("touch /v/a", [fixed, "--user=web", "-v", `${dir}:/v`]);
    expect(statSync(join(dir, "a")).uid).toBe(1234);
  },
  TIMEOUT_MS,
);

for (const flags of [
  ["--stage1=systemd"],
  ["--stage1=fly"],
  ["--stage1=oci", "--runtime=crun"],
  ["--stage1=oci", "--runtime=runc"],
  ["--stage1=oci", "--userns=auto"],
]) {
  test(
    `${flags.join(" ")}: owners of a volume can be mapped by hand`,
    async () => {
      const dir = hostDirectory(`owned-${flags.join("")}`);
      for (const path of [dir, join(dir, "secret")]) chownSync(path, 1234, 1235);
      const at = flags.includes("--userns=auto") ? "@" : "";
      const volume = `${dir}:/v:idmap=uids=${at}1234-0-1#${at}50-1000-1;gids=${at}1235-0-1#${at}60-1001-1`;
      const script = "stat -c %u:%g /v/secret; echo more >> /v/secret; touch /v/root; busybox chown web:web /v/root";
      const run = ["run", ...flags, "--net=none", "localhost/app:1", "-v", volume, "--exec=sh", "--", "-c", script];
      expect((await world.succeed([LOOSE, "-q", ...run])).stdout).toBe("0:0\n");
      expect(readFileSync(join(dir, "secret"), "utf8")).toEndWith("more\n");
      expect(ownerOf(join(dir, "secret"))).toEqual([1234, 1235]);
      expect(ownerOf(join(dir, "root"))).toEqual([50, 60]);
    },
    TIMEOUT_MS,
  );
}

test.each([
  ["ids mapped twice inside", ["--uidmap=0:300000:10", "--uidmap=9:400000:10"], 2, "mapped twice"],
  ["ids mapped twice outside", ["--uidmap=0:300000:10", "--uidmap=10:300009:10"], 2, "mapped twice"],
  ["no root", ["--uidmap=1:300000:10"], 2, "user 0"],
  ["a size of 0", ["--uidmap=0:300000:0"], 2, "maps nothing"],
  ["ids beyond the last", ["--uidmap=0:4294967290:100"], 2, "last id"],
  ["a size of 0 to choose", ["--userns=auto:size=0"], 2, "above 0"],
  ["more ids than there are", ["--userns=auto:size=4294967294"], 7, "fewer"],
  ["a mode for other callers", ["--userns=keep-id"], 2, "not root"],
  ["both ways at once", ["--userns=auto", "--uidmap=0:300000:10"], 2, "together"],
  ["idmap without a namespace", ["-v", "/tmp:/v:idmap"], 2, "--userns=auto"],
  ["mounts shared in both directions", ["--userns=auto", "-v", "/tmp:/v:rshared"], 2, "slave"],
  ["owners mapped twice", ["-v", "/tmp:/v:idmap=uids=0-5-9#0-50-9;gids=0-5-9"], 2, "mapped twice"],
  ["a machine with mapped owners", ["-v", "/tmp:/v:idmap=uids=0-5-9;gids=0-5-9", "--stage1=kvm"], 7, "--stage1=oci"],
  ["a bare chroot", ["--userns=auto", "--stage1=fly"], 7, "--stage1=oci"],
  ["a sandbox", ["--userns=auto", "--stage1=gvisor"], 7, "--stage1=oci"],
  ["a machine", ["--userns=auto", "--stage1=kvm"], 7, "--stage1=oci"],
  ["nspawn", ["--userns=auto", "--stage1=systemd"], 7, "--stage1=oci"],
])(
  "%s: refused before anything is made",
  async (_what, flags, code, said) => {
    const stage1 = flags.some((flag) => flag.startsWith("--stage1")) ? [] : ["--stage1=oci"];
    const before = (await world.succeed(["list", "--json"])).stdout;
    const refused = await world.gantry([LOOSE, "prepare", ...stage1, "localhost/app:1", ...flags]);
    expect([refused.exitCode, refused.stderr]).toEqual([code, expect.stringContaining(said)]);
    expect(refused.stderr).toContain("hint: ");
    expect((await world.succeed(["list", "--json"])).stdout).toBe(before);
  },
  TIMEOUT_MS,
);

test(
  "files that cannot be mapped and users that do not exist are refused before anything starts",
  async () => {
    const files = await trial.sh("echo started", ["--userns=auto", "--net=default", "-v", "/proc/sys:/v:idmap"]);
    expect([files.exitCode, files.stdout]).toEqual([254, ""]);
    expect(files.stderr).toContain('Cannot map the ids of "/proc/sys"');
    const user = await trial.sh("echo started", ["--userns=auto:size=1000", "--user=web"]);
    expect([user.exitCode, user.stdout]).toEqual([254, ""]);
    expect(user.stderr).toContain("no such id");
    expect((await world.succeed(["list", "--json"])).stdout.trim()).not.toContain('"state": "running"');
  },
  TIMEOUT_MS,
);

test(
  "exec gives no stream of the host away",
  async () => {
    const pod = await trial.start("sleep 100", ["--runtime=crun", "--user=web"]);
    const run = await world.succeed(["exec", pod, "--", "sh", "-c", "id -u; stat -L -c %t:%T /proc/self/fd/0"]);
    expect(run.stdout).toBe("1000\n1:3\n");
    expect(statSync("/dev/null").uid).not.toBe(1000);
    await world.succeed(["rm", "--force", pod]);
  },
  TIMEOUT_MS,
);
