import type { TarInput } from "../../image/layer/encode-tar.ts";
import type { Stage1BuildOptions, Stage1Host } from "../../pod/stage1-contract.ts";
import { openFiles } from "../../sys/linux/files.ts";
import { selfArgv } from "../../sys/linux/self.ts";
import { collectStage1Tree } from "../collect-tree.ts";
import { Stage1Error } from "../errors.ts";
import { SIGNALS } from "../exited-script.ts";
import type { PlannedEntry } from "../plan-image.ts";
import { type CpioEntry, encodeCpio } from "./encode-cpio.ts";
import {
  GUEST,
  renderControlScript,
  renderEndScript,
  renderGuestExitedScript,
  renderInit,
  renderIoScript,
  renderStartedScript,
} from "./guest-scripts.ts";
import { GUEST_UNITS } from "./guest-units.ts";
import { keepKernel } from "./keep-kernel.ts";
import type { GuestModule } from "./read-modules.ts";

const BUSYBOX = "/bin/busybox";
/** Programs of the first init, found by name also while /proc is not there yet. */
const APPLETS = ["sh", "cat", "chroot", "insmod", "ip", "ln", "mkdir", "mknod", "mount", "poweroff", "sleep", "umount"];
const MAX_PROGRAM_BYTES = 512 * 1024 * 1024;

/**
 * The tree of the stage1 image: the guest's system, this program as its agent, and kernel and initramfs that boot it. The
 * same host programs and kernel give the same members.
 * @throws {Stage1Error} "stage1/missing-tool", "stage1/build-failed"
 */
export async function buildKvmImage(host: Stage1Host, options: Stage1BuildOptions = {}): Promise<TarInput[]> {
  const kernel = await keepKernel(host, options.settings, options);
  const [agentPath, script] = selfArgv();
  if (script !== undefined) {
    throw new Stage1Error(
      "stage1/build-failed",
      "Cannot build stage1: the guest's agent is this program itself, built",
      {
        hint: "build it first: bun tools/build.ts, then use dist/gantry",
      },
    );
  }
  const system = await collectStage1Tree(host, {
    ...options,
    extra: {
      entries: guestEntries(),
      copies: [{ from: BUSYBOX, to: GUEST.busybox, hint: "install it: apt-get install busybox-static" }],
      linked: [agentPath],
    },
  });
  const agent = openFiles("/").readBytes(agentPath.slice(1), MAX_PROGRAM_BYTES);
  const busybox = host.host.readBytes(BUSYBOX.slice(1), MAX_PROGRAM_BYTES);
  const boot: TarInput[] = [
    { path: "boot", kind: "dir", modeOctal: 0o755 },
    {
      path: "boot/initrd",
      kind: "file",
      modeOctal: 0o644,
      content: encodeCpio(initrdEntries(busybox, kernel.modules)),
    },
    { path: "boot/version", kind: "file", modeOctal: 0o644, content: `${kernel.version}\n` },
    { path: "boot/vmlinuz", kind: "file", modeOctal: 0o644, content: kernel.image },
    { path: GUEST.agent, kind: "file", modeOctal: 0o755, content: agent },
  ];
  return [...boot, ...system].sort((a, b) => (String(a.path) < String(b.path) ? -1 : 1));
}

function guestEntries(): PlannedEntry[] {
  const script = (name: string, text: string): PlannedEntry => ({
    kind: "text",
    path: `usr/lib/gantry/${name}`,
    modeOctal: 0o755,
    text,
  });
  return [
    script("ctl", renderControlScript()),
    script("end", renderEndScript()),
    script("exited", renderGuestExitedScript(SIGNALS)),
    script("io", renderIoScript()),
    script("started", renderStartedScript()),
    {
      kind: "symlink",
      path: "etc/systemd/system/ctrl-alt-del.target",
      target: "/usr/lib/systemd/system/poweroff.target",
    },
    ...[...GUEST_UNITS].map(
      ([name, text]): PlannedEntry => ({
        kind: "text",
        path: `usr/lib/systemd/system/${name}`,
        modeOctal: 0o644,
        text,
      }),
    ),
  ];
}

function initrdEntries(busybox: Uint8Array, modules: readonly GuestModule[]): CpioEntry[] {
  const dirs = ["bin", "dev", "gantry", "l", "modules", "proc", "root", "sys", "up", "wk"];
  return [
    ...dirs.map((path): CpioEntry => ({ path, kind: "dir", modeOctal: 0o755 })),
    // The kernel opens it for the first program before anything is mounted.
    { path: "dev/console", kind: "char", modeOctal: 0o600, devMajor: 5, devMinor: 1 },
    { path: "bin/busybox", kind: "file", modeOctal: 0o755, content: busybox },
    ...APPLETS.map(
      (name): CpioEntry => ({ path: `bin/${name}`, kind: "symlink", modeOctal: 0o777, content: "busybox" }),
    ),
    { path: "init", kind: "file", modeOctal: 0o755, content: renderInit() },
    { path: "modules/order", kind: "file", modeOctal: 0o644, content: modules.map(({ name }) => `${name}\n`).join("") },
    ...modules.map(
      ({ name, content }): CpioEntry => ({ path: `modules/${name}.ko`, kind: "file", modeOctal: 0o644, content }),
    ),
  ];
}
