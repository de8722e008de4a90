import { cpSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type CpioEntry, encodeCpio } from "../../src/stage1/kvm/encode-cpio.ts";
import { findKernel } from "../../src/stage1/kvm/find-kernel.ts";
import { WANTED_MODULES } from "../../src/stage1/kvm/kernel-modules.ts";
import { readModules } from "../../src/stage1/kvm/read-modules.ts";
import { openFiles } from "../../src/sys/linux/files.ts";
import { createPrograms } from "../../src/sys/linux/processes.ts";
import { isListening } from "../../src/testing/software-tpm.ts";
import { kernelPackage } from "./kernel.ts";

const BINARY = new URL("../../dist/gantry", import.meta.url).pathname;
const LIBRARIES = "/usr/lib/x86_64-linux-gnu";
const MAX_BOOT_MS = 240_000;

/** A computer of its own with a TPM device: disk and TPM keep what they hold from one boot to the next. */
export interface TpmMachine {
  /**
   * Boots, runs the script as root with this build of Gantry and tpm2-tools in the path, and shuts down. `/state` is on
   * the disk; gives back the files the script left in `/state/out`, and what the console said.
   */
  boot(script: string): Promise<{ readonly file: (name: string) => string; readonly console: string }>;
  /** Copies a directory of `/state/out` as the last boot left it. */
  readonly outDir: string;
}

/** Makes the machine in the directory. Files are what the guest finds in `/files`. */
export async function createTpmMachine(dir: string, files: readonly string[]): Promise<TpmMachine> {
  const boot = await prepareKernel(dir);
  const system = join(dir, "system.erofs");
  run("mkfs.erofs", "--quiet", system, collectSystem(join(dir, "system"), files));
  const [state, exchange, tpmState] = [join(dir, "state.img"), join(dir, "exchange.img"), join(dir, "tpm")];
  for (const path of [state, exchange]) writeFileSync(path, "");
  truncateSync(state, 1024 * 1024 * 1024);
  run("mkfs.ext4", "-q", "-F", state);
  mkdirSync(tpmState);
  let boots = 0;
  const outDir = join(dir, "out");
  return {
    outDir,
    async boot(script) {
      boots += 1;
      truncateSync(exchange, 0);
      truncateSync(exchange, 16 * 1024 * 1024);
      const initrd = join(dir, `initrd${boots}`);
      const own = encodeCpio([{ path: "script", kind: "file", modeOctal: 0o755, content: script }]);
      writeFileSync(initrd, Buffer.concat([boot.initrd, own]));
      const console = join(dir, `console${boots}`);
      await powerOn({ kernel: boot.kernel, initrd, console, disks: [system, state, exchange], tpmState, dir });
      mkdirSync(outDir, { recursive: true });
      const said = readFileSync(console, "utf8");
      if (!said.includes("script has ended")) throw new Error(`the machine did not come to its end:\n${said}`);
      run("tar", "-xf", exchange, "-C", outDir);
      return { file: (name) => readFileSync(join(outDir, name), "utf8"), console: said };
    },
  };
}

interface Power {
  readonly kernel: string;
  readonly initrd: string;
  readonly console: string;
  readonly disks: readonly string[];
  readonly tpmState: string;
  readonly dir: string;
}

async function powerOn(power: Power): Promise<void> {
  const control = join(power.dir, "tpm.ctrl");
  const server = ["--tpm2", "--tpmstate", `dir=${power.tpmState}`, "--ctrl", `type=unixio,path=${control}`];
  const tpm = Bun.spawn(["swtpm", "socket", ...server, "--terminate"], { stdout: "ignore", stderr: "ignore" });
  try {
    // QEMU gives up at once while nobody listens there yet.
    await untilListening(control);
    const machine = Bun.spawn(
      [
        ...["qemu-system-x86_64", "-nodefaults", "-no-reboot", "-display", "none", "-machine", "q35", "-accel", "tcg"],
        ...["-cpu", "max", "-m", "2048", "-smp", "2", "-kernel", power.kernel, "-initrd", power.initrd],
        ...["-append", "console=ttyS0 quiet panic=-1", "-serial", `file:${power.console}`],
        ...["-chardev", `socket,id=tpm,path=${control}`, "-tpmdev", "emulator,id=tpm0,chardev=tpm"],
        ...["-device", "tpm-crb,tpmdev=tpm0"],
        ...power.disks.flatMap((path) => ["-drive", `file=${path},format=raw,if=virtio`]),
      ],
      { stdin: "ignore", stdout: "ignore", stderr: "inherit", timeout: MAX_BOOT_MS, killSignal: "SIGKILL" },
    );
    await machine.exited;
  } finally {
    tpm.kill("SIGTERM");
    await tpm.exited;
  }
}

async function untilListening(path: string): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (isListening(path)) return;
    await Bun.sleep(20);
  }
  throw new Error(`nobody listens at ${path}`);
}

async function prepareKernel(dir: string): Promise<{ readonly kernel: string; readonly initrd: Uint8Array }> {
  const scratchDir = join(dir, "kernel");
  mkdirSync(scratchDir);
  const programs = createPrograms();
  const found = await findKernel({ host: openFiles("/"), programs, scratchDir }, { deb: kernelPackage() });
  const modules = await readModules(programs, found, [...WANTED_MODULES, "ext4", "tpm_crb", "tpm_tis"]);
  const entries: CpioEntry[] = [
    ...["bin", "dev", "modules", "proc", "root", "sys", "tmp"].map(
      (path): CpioEntry => ({ path, kind: "dir", modeOctal: 0o755 }),
    ),
    { path: "dev/console", kind: "char", modeOctal: 0o600, devMajor: 5, devMinor: 1 },
    { path: "bin/busybox", kind: "file", modeOctal: 0o755, content: readFileSync("/bin/busybox") },
    { path: "init", kind: "file", modeOctal: 0o755, content: INIT },
    { path: "modules/order", kind: "file", modeOctal: 0o644, content: modules.map(({ name }) => `${name}\n`).join("") },
    ...modules.map(
      ({ name, content }): CpioEntry => ({ path: `modules/${name}.ko`, kind: "file", modeOctal: 0o644, content }),
    ),
  ];
  return { kernel: found.image, initrd: encodeCpio(entries) };
}

const INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
while read -r name; do insmod "/modules/$name.ko" || echo "no driver $name"; done < /modules/order
mount -t tmpfs tmp /tmp
mkdir /tmp/low /tmp/up /tmp/work
mount -t erofs -o ro /dev/vda /tmp/low
mount -t overlay -o lowerdir=/tmp/low,upperdir=/tmp/up,workdir=/tmp/work system /root
for name in dev proc sys; do mount -o rbind /$name /root/$name; done
mount -t cgroup2 cgroup2 /root/sys/fs/cgroup
mount -t tmpfs run /root/run
mount -t ext4 /dev/vdb /root/state
ip link set lo up
mkdir -p /root/state/out
cp /script /root/script
chroot /root /usr/bin/sh /script > /dev/console 2>&1
tar -cf - -C /root/state/out . > /dev/vdc
umount /root/state
sync
echo "script has ended"
poweroff -f
`;

/** A root directory with this build, the TPM's tools, a shell and what the fly regime runs on. */
function collectSystem(root: string, files: readonly string[]): string {
  for (const path of ["dev", "proc", "sys", "run", "state", "tmp", "etc", "files", "usr/bin", "usr/lib", "usr/lib64"])
    mkdirSync(join(root, path), { recursive: true });
  for (const name of ["bin", "lib", "lib64"]) symlinkSync(`usr/${name}`, join(root, name));
  writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/:/bin/sh\n");
  for (const path of files) cpSync(path, join(root, "files", basename(path)));
  const programs = [BINARY, "/usr/bin/tpm2", "/usr/bin/perl", `${LIBRARIES}/libtss2-tcti-device.so.0`];
  for (const path of programs) copyLinked(root, path);
  cpSync(`${LIBRARIES}/perl-base`, join(root, LIBRARIES, "perl-base"), { recursive: true });
  cpSync("/bin/busybox", join(root, "usr/bin/busybox"));
  for (const name of ["sh", "cat", "cp", "date", "kill", "ls", "mkdir", "rm", "sed", "sleep", "tee", "umount", "wc"])
    symlinkSync("busybox", join(root, "usr/bin", name));
  for (const name of ["createek", "createprimary", "evictcontrol", "flushcontext", "nvcertify", "nvread", "quote"])
    symlinkSync("tpm2", join(root, "usr/bin", `tpm2_${name}`));
  for (const name of ["readpublic", "pcrread", "shutdown"]) symlinkSync("tpm2", join(root, "usr/bin", `tpm2_${name}`));
  return root;
}

function copyLinked(root: string, path: string): void {
  const at = path === BINARY ? "usr/bin/gantry" : path.slice(1);
  const needed = [...run("ldd", path).matchAll(/(\/\S+) \(0x/g)].map(([, library]) => library ?? "");
  for (const [from, to] of [[path, at], ...needed.map((library) => [library, library.replace(/^\/lib/, "usr/lib")])]) {
    mkdirSync(join(root, dirname(to ?? "")), { recursive: true });
    cpSync(from ?? "", join(root, to ?? ""), { dereference: true });
  }
}

function run(...argv: readonly [string, ...string[]]): string {
  const result = Bun.spawnSync([...argv], { stdout: "pipe", stderr: "pipe" });
  if (result.exitCode === 0) return result.stdout.toString();
  throw new Error(`${argv.join(" ")} ended with ${result.exitCode}\n${result.stderr.toString()}`);
}
