import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { GantryResult } from "../harness/gantry.ts";
import { writeArchive } from "../harness/images.ts";
import { kernelPackage } from "../harness/kernel.ts";
import { LOOSE, until } from "../harness/stage1-trial.ts";
import { createWorld, type World } from "../harness/world.ts";
import { perlImage, withLibraries } from "./image.ts";
import type { Regime } from "./lab.ts";

const PROGRAM = new URL("attack.pl", import.meta.url).pathname;
const SYSCTL = "kernel/printk_ratelimit_burst";
const HOST_PROGRAMS = ["gantry", "runc", "crun", "conmon", "runsc", "systemd-nspawn", "qemu-system-x86_64", "nsenter"];

/** The host with something to steal, a neighbour in a pod, and the attacker in a pod of the regime under attack. */
export interface AttackLab extends AsyncDisposable {
  readonly world: World;
  /** What must not be seen inside. */
  readonly secrets: readonly string[];
  /** Arguments of the attack program. */
  readonly arguments: readonly string[];
  /** Runs a command in the attacker's pod. */
  inside(argv: readonly string[], flags?: readonly string[]): Promise<GantryResult>;
  /** Which attempts have changed something on the host. */
  changes(): ReadonlySet<string>;
  /** Sends the neighbour a packet with a secret. */
  whisper(): void;
  /** A directory of the host that is no volume of the attacker's, and one that is. */
  readonly paths: { readonly outside: string; readonly volume: string };
  /** Directories of the host that every command of Gantry's is called with, open. */
  readonly descriptors: readonly number[];
}

/** Takes an app's confinement away as far as options can. */
const UNCONFINED = ["--cap-add=ALL", "--seccomp=unconfined", "--no-new-privileges=false"];

/** Prepares host, neighbour and attacker, whose app has no confinement but the regime's when not `isConfined`. */
export async function openAttackLab(regime: Regime, isConfined = true): Promise<AttackLab> {
  const world = await createWorld();
  const id = `${regime}${process.pid}`;
  const secret = (what: string) => `${what}-secret-${id}`;
  const dir = (name: string) => {
    mkdirSync(join(world.dir, name), { recursive: true });
    return join(world.dir, name);
  };
  const [volume, readOnly, hits, outside] = [dir("volume"), dir("ro"), dir("hits"), dir("escape")];
  const secretFile = join(world.dir, "secret");
  writeFileSync(secretFile, `${secret("file")}\n`, { mode: 0o600 });
  writeFileSync(join(readOnly, "file"), "original");
  writeFileSync(join(outside, "passwd"), "root:x:0:0::/:/bin/sh\nhostonly:x:4242:4242::/:/bin/sh\n");
  const disk = world.use(makeDisk(world, secret("disk")));
  const perl = (...args: readonly string[]) =>
    Bun.spawnSync(["perl", PROGRAM, `arch=${process.arch}`, ...args])
      .stdout.toString()
      .trim();
  const key = perl("role=key", `key=key-${id}`, `loot=${secret("key")}`);
  const shm = String(0x6700_0000 + (process.pid & 0xffff) * 8 + regime.length);
  const daemon = join(world.dir, "host-daemon");
  Bun.spawnSync(["cp", "/bin/sleep", daemon]);
  const host = Bun.spawn(
    [
      "perl",
      PROGRAM,
      "role=victim",
      "gantry-victim",
      `socket=host-${id}`,
      `hits=${hits}/host`,
      `shm=${shm}`,
      `loot=${secret("host")}`,
    ],
    { env: { VICTIM_SECRET: secret("environment") }, stdout: "pipe" },
  );
  await host.stdout.getReader().read();
  const service = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: () => {}, open: (to) => void to.end(secret("loopback")) },
  });
  const sysctl = readFileSync(`/proc/sys/${SYSCTL}`, "utf8");
  writeFileSync("/dev/kmsg", `${secret("log")}\n`);

  if (regime === "kvm") await world.succeed(["stage1", "build", "kvm", `--kernel-deb=${kernelPackage()}`]);
  const image = perlImage([
    { path: "attack.pl", content: readFileSync(PROGRAM) },
    { path: "tmp", kind: "dir", modeOctal: 0o1777 },
    { path: "victim", kind: "dir" },
    { path: "trap", content: "#!/proc/self/exe\n", modeOctal: 0o755 },
    { path: "root-only", content: secret("setuid"), modeOctal: 0o600 },
    ...withLibraries("/bin/cat", "bin/cat-as-root", 0o4755).filter(
      (one) => one.path === "bin/cat-as-root" || !perlHas(one.path),
    ),
    { path: "out", kind: "symlink", linkTarget: `../../../../../../../..${outside}` },
  ]);
  await world.succeed([LOOSE, "fetch", `oci-archive:${writeArchive(world, "app", image)}:1`]);
  const run = [LOOSE, "-q", "run", "-d", `--stage1=${regime}`];
  if (regime !== "fly") run.push("--net=default");
  const descriptors = ["/", world.dir].map((path) => openSync(path, "r"));
  const start = (name: string, flags: readonly string[], args: readonly string[]) =>
    world.succeed(
      [...run, `--name=${name}`, "localhost/app:1", ...flags, "--exec=/bin/perl", "--", "/attack.pl", ...args],
      { descriptors },
    );
  const victim = [
    "role=victim",
    "gantry-victim",
    `socket=pod-${id}`,
    "hits=/hits/pod",
    `shm=${Number(shm) + 1}`,
    `loot=${secret("pod")}`,
    `file=${secret("neighbour")}`,
  ];
  await start("victim", [`--env=VICTIM_SECRET=${secret("environment")}`, `--volume=${hits}:/hits`], victim);
  const volumes = [`--volume=${volume}:/volume`, `--volume=${readOnly}:/ro:ro`, `--volume=${volume}:/out/sub`];
  await start("attacker", [...volumes, ...(isConfined ? [] : UNCONFINED)], ["role=wait", "attacker-app"]);
  for (const pod of ["victim", "attacker"]) {
    await until(async () => (await world.succeed(["logs", pod])).stdout.includes("ready"));
  }
  const facts = JSON.parse((await world.succeed(["status", "--json", "victim"])).stdout);
  const address = String(facts.networks?.[0]?.addresses?.[0] ?? "127.0.0.1").split("/")[0] ?? "";
  const files = [daemon, ...HOST_PROGRAMS.flatMap((name) => Bun.which(name) ?? [])];
  const inodes = [...files, new URL("../../dist/gantry", import.meta.url).pathname].map((file) => statSync(file).ino);
  const handle = perl("role=handle", `path=${secretFile}`);
  return {
    world,
    secrets: [
      "file",
      "disk",
      "key",
      "host",
      "environment",
      "loopback",
      "log",
      "neighbour",
      "setuid",
      "pod",
      "packet",
    ].map(secret),
    arguments: [
      ...[
        `arch=${process.arch}`,
        `major=${disk.major}`,
        `minor=${disk.minor}`,
        `sysctl=${SYSCTL}`,
        `value=${Number(sysctl) + 1}`,
      ],
      ...[`marker=written-${id}`, `hostmarker=${secret("log")}`, `secret=${secretFile}`, `hostsocket=host-${id}`],
      ...[`podsocket=pod-${id}`, `shm=${shm}`, `port=${service.port}`, `handle=${handle}`, `key=key-${id}`],
      ...[`sniffed=${secret("packet")}`, `inodes=${inodes.join(",")}`],
    ],
    inside: (argv, flags = []) => world.gantry(["-q", "exec", ...flags, "attacker", "--", ...argv], { descriptors }),
    changes: () => {
      const log = Bun.spawnSync(["dmesg"]).stdout.toString().slice(-200_000);
      const changed = new Map([
        ["remount", readFileSync(join(readOnly, "file"), "utf8") !== "original"],
        ["sysctl", readFileSync(`/proc/sys/${SYSCTL}`, "utf8") !== sysctl],
        ["sysrq", log.slice(log.indexOf(secret("log"))).includes("sysrq: ")],
        ["kmsg", log.includes(`written-${id}`)],
        ["signal", existsSync(join(hits, "host")) || existsSync(join(hits, "pod"))],
        ["symlink", existsSync(join(outside, "sub"))],
      ]);
      return new Set([...changed].filter(([, is]) => is).map(([name]) => name));
    },
    whisper: () => {
      Bun.spawnSync([daemon, "0.01"]);
      const script = `socket my $s, 2, 2, 17; send $s, "${secret("packet")}", 0, pack("S n C4 x8", 2, 9, split /\\./, "${address}")`;
      Bun.spawnSync(["perl", "-e", script]);
    },
    paths: { outside, volume },
    descriptors,
    async [Symbol.asyncDispose]() {
      writeFileSync(`/proc/sys/${SYSCTL}`, sysctl);
      perl("role=unkey", `id=${key}`);
      service.stop(true);
      for (const descriptor of descriptors) closeSync(descriptor);
      host.kill("SIGTERM");
      await host.exited;
      await world[Symbol.asyncDispose]();
    },
  };
}

function perlHas(path: string | Uint8Array): boolean {
  return withLibraries("/usr/bin/perl", "bin/perl").some((one) => one.path === path);
}

/** A loop device of the host with a file system, in which a secret lies. */
function makeDisk(world: World, secret: string) {
  const [tree, image] = [join(world.dir, "disk"), join(world.dir, "disk.img")];
  mkdirSync(tree);
  writeFileSync(join(tree, "secret"), secret);
  Bun.spawnSync(["mkfs.erofs", image, tree]);
  const device = Bun.spawnSync(["losetup", "--find", "--show", "--read-only", image]).stdout.toString().trim();
  if (!device.startsWith("/dev/")) throw new Error("no loop device to be had");
  const { rdev } = statSync(device);
  return {
    major: Math.floor(rdev / 256),
    minor: rdev % 256,
    [Symbol.dispose]: () => {
      Bun.spawnSync(["losetup", "--detach", device]);
      rmSync(image, { force: true });
    },
  };
}
