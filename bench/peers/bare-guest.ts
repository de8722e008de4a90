import { closeSync, mkdirSync, openSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { COMMAND_LINE } from "../../src/stage1/kvm/launch.ts";
import { descriptorsOf, renumberDescriptors } from "../../src/stage1/kvm/machine-descriptors.ts";
import { planMachineSize } from "../../src/stage1/kvm/machine-size.ts";
import type { GuestPort, QemuInput } from "../../src/stage1/kvm/qemu-argv.ts";
import { planQemuArgv } from "../../src/stage1/kvm/qemu-argv.ts";
import { IMAGE, type Lab } from "../lab.ts";
import { call } from "../programs.ts";

const STANDARD_FDS = 3;

/**
 * The machine of a pod that Gantry ran before: its kernel, initramfs, disks, ports and emulator flags, started by hand.
 * Nothing is verified, recorded or prepared for it. Returns the function that boots it to its end.
 */
export function makeBareGuest(lab: Lab, program: string): () => void {
  const uuidFile = join(lab.world.dir, "guest.uuid");
  lab.gantry(["run", "--stage1=kvm", "--net=none", `--uuid-file-save=${uuidFile}`, IMAGE, `--exec=${program}`]);
  const pod = join(lab.world.root, "pods/run", readFileSync(uuidFile, "utf8").trim());
  const manifest = JSON.parse(readFileSync(join(pod, "pod.json"), "utf8"));
  const dir = join(lab.world.dir, "guest");
  mkdirSync(dir);
  const layers: string[] = [...manifest.stage1.image.layers, ...manifest.apps[0].image.layers].map((name) =>
    join(lab.world.root, "layers", name),
  );
  call(["cp", join(pod, "vm/initrd"), join(dir, "initrd")]);
  call(["mkfifo", join(dir, "ctl")]);
  const accelerator = JSON.parse(readFileSync("/run/gantry/kvm/accelerator.json", "utf8")).accelerator;
  const app = manifest.apps[0].name;
  lab.gantry(["rm", manifest.uuid]);
  return () => {
    const disks = layers.map((layer, index) => {
      const file = readdirSync(layer).find((name) => /^disk\.(erofs|squashfs)$/.test(name)) ?? "";
      const path = join(layer, file);
      return { path, fsType: "erofs" as const, serial: `layer${index}`, fd: openSync(path, "r") };
    });
    const append = (name: string): GuestPort => ({
      name,
      backend: { kind: "append", fd: openSync(join(dir, name), "a") },
    });
    const machine: QemuInput = {
      program: "qemu-system-x86_64",
      accelerator,
      uuid: manifest.uuid,
      ...planMachineSize(manifest),
      kernelFd: openSync(join(layers[0] ?? "", "tree/boot/vmlinuz"), "r"),
      initrdFd: openSync(join(dir, "initrd"), "r"),
      commandLine: COMMAND_LINE,
      consoleFd: openSync(join(dir, "console"), "a"),
      disks,
      ports: [
        { name: "ctl", backend: { kind: "fifo", fd: openSync(join(dir, "ctl"), "r+") } },
        ...["status", ...Array.from({ length: 8 }, (_, n) => `exec.${n}`), `stdout.${app}`, `stderr.${app}`].map(
          append,
        ),
      ],
      cards: [],
      terminal: false,
    };
    const fds = descriptorsOf(machine);
    const argv = planQemuArgv(renumberDescriptors(machine, (fd) => fds.indexOf(fd) + STANDARD_FDS));
    try {
      const done = Bun.spawnSync([...argv], { stdio: ["ignore", "ignore", "pipe", ...fds] });
      if (!done.success) throw new Error(`the guest ended with ${done.exitCode}: ${done.stderr}`);
    } finally {
      for (const fd of fds) closeSync(fd);
    }
  };
}
