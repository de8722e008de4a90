import type { LayerDisk } from "./layer-disk.ts";

/** How guests run: on the processor, or emulated. */
export type Accelerator = "kvm" | "tcg";

/** One channel of the guest: a port by name, and what is behind it on the host. */
export interface GuestPort {
  readonly name: string;
  readonly backend: /** The emulator's own standard input; its end is the port's. */
    | { readonly kind: "stdin" }
    | { readonly kind: "append"; readonly fd: number }
    | { readonly kind: "fifo"; readonly fd: number }
    | { readonly kind: "listen"; readonly fd: number }
    | { readonly kind: "connected"; readonly fd: number };
}

/** Everything that decides the command line; files come as descriptors, so the emulator needs no rights to open any. */
export interface QemuInput {
  readonly program: string;
  readonly accelerator: Accelerator;
  readonly uuid: string;
  readonly memoryMib: number;
  readonly cpus: number;
  readonly kernelFd: number;
  readonly initrdFd: number;
  readonly commandLine: string;
  readonly consoleFd: number;
  readonly disks: readonly (LayerDisk & { readonly serial: string; readonly fd: number })[];
  readonly ports: readonly GuestPort[];
  readonly cards: readonly { readonly mac: string; readonly fd: number }[];
  /** Connected to virtiofsd. */
  readonly volumesFd?: number;
  /** Connected to a software TPM, whose firmware image measures what is started. */
  readonly tpm?: { readonly fd: number; readonly firmwareFd: number };
  /** Standard input and output are the terminal of the only app. */
  readonly terminal: boolean;
}

/** Ports of one controller; number 0 is kept for consoles. */
const PORTS_PER_CONTROLLER = 30;
const FIRST_SLOT = 2;
const FUNCTIONS_PER_SLOT = 8;
const LAST_SLOT = 29;

/** Devices a guest can have: what does not fit has to be said before the start. */
export const MAX_DEVICES = (LAST_SLOT - FIRST_SLOT + 1) * FUNCTIONS_PER_SLOT;

/** Command line of the emulator for a pod. Spec: qemu-system(1), QEMU 7.2. */
export function planQemuArgv(input: QemuInput): [string, ...string[]] {
  const devices = new DeviceList();
  const fds = new DescriptorSets();
  const memory = `memory-backend-memfd,id=mem,size=${input.memoryMib}M,share=on`;
  const argv: [string, ...string[]] = [
    input.program,
    ...["-name", `gantry-${input.uuid}`, "-uuid", input.uuid],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"],
    ...["-machine", "q35,memory-backend=mem,usb=off,vmport=off,smbus=off", "-object", memory],
    ...["-accel", input.accelerator, "-cpu", input.accelerator === "kvm" ? "host" : "max"],
    ...["-m", `${input.memoryMib}M`, "-smp", String(input.cpus)],
    ...["-kernel", `/proc/self/fd/${input.kernelFd}`, "-initrd", `/proc/self/fd/${input.initrdFd}`],
    ...["-append", input.commandLine],
    ...["-chardev", `file,id=console,path=${fds.add(input.consoleFd)},append=on`, "-serial", "chardev:console"],
  ];
  for (const [index, disk] of input.disks.entries()) {
    const file = `driver=file,filename=${fds.add(disk.fd)},read-only=on,auto-read-only=off,locking=off`;
    argv.push("-blockdev", `${file},node-name=disk${index}`);
    devices.add(`virtio-blk-pci,drive=disk${index},serial=${disk.serial}`);
  }
  addPorts(argv, { input, devices, fds });
  for (const [index, card] of input.cards.entries()) {
    argv.push("-netdev", `tap,id=net${index},fd=${card.fd}`);
    devices.add(`virtio-net-pci,netdev=net${index},mac=${card.mac},romfile=`);
  }
  if (input.volumesFd !== undefined) {
    argv.push("-chardev", `socket,id=volumes,fd=${input.volumesFd}`);
    devices.add("vhost-user-fs-pci,chardev=volumes,tag=volumes");
  }
  argv.push("-object", "rng-random,id=rng,filename=/dev/urandom");
  devices.add("virtio-rng-pci,rng=rng");
  if (input.tpm !== undefined) argv.push(...tpmArgv(input.tpm));
  return [...argv, ...fds.argv, ...devices.argv];
}

function addPorts(
  argv: string[],
  { input, devices, fds }: { readonly input: QemuInput; readonly devices: DeviceList; readonly fds: DescriptorSets },
): void {
  const controllers = Math.ceil(input.ports.length / PORTS_PER_CONTROLLER);
  for (let index = 0; index < controllers; index += 1)
    devices.add(`virtio-serial-pci,id=serial${index},max_ports=${PORTS_PER_CONTROLLER + 1}`);
  if (input.terminal) {
    argv.push("-chardev", "stdio,id=tty,signal=off");
    devices.addOnBus("virtconsole,bus=serial0.0,nr=0,chardev=tty");
  }
  for (const [index, { name, backend }] of input.ports.entries()) {
    const id = `port${index}`;
    argv.push("-chardev", `${backendOf(backend, fds)},id=${id}`);
    const bus = `bus=serial${Math.floor(index / PORTS_PER_CONTROLLER)}.0,nr=${(index % PORTS_PER_CONTROLLER) + 1}`;
    devices.addOnBus(`virtserialport,${bus},chardev=${id},name=${name}`);
  }
}

function backendOf(backend: GuestPort["backend"], fds: DescriptorSets): string {
  switch (backend.kind) {
    case "stdin":
      return "stdio,signal=off";
    case "append":
      return `file,path=${fds.add(backend.fd)},append=on`;
    case "fifo":
      return `pipe,path=${fds.add(backend.fd)}`;
    case "listen":
      return `socket,fd=${backend.fd},server=on,wait=off`;
    case "connected":
      return `socket,fd=${backend.fd}`;
  }
}

function tpmArgv({ fd, firmwareFd }: { readonly fd: number; readonly firmwareFd: number }): string[] {
  return [
    ...["-chardev", `socket,id=tpm,fd=${fd}`, "-tpmdev", "emulator,id=tpm0,chardev=tpm"],
    ...["-device", "tpm-tis,tpmdev=tpm0"],
    ...["-bios", `/proc/self/fd/${firmwareFd}`],
  ];
}

/** Devices on the root bus, eight to a slot, because a layer is a device and images may have many. */
class DeviceList {
  readonly argv: string[] = [];
  #count = 0;

  add(device: string): void {
    const slot = FIRST_SLOT + Math.floor(this.#count / FUNCTIONS_PER_SLOT);
    const place = `addr=0x${slot.toString(16)}.${this.#count % FUNCTIONS_PER_SLOT},multifunction=on`;
    this.#count += 1;
    this.argv.push("-device", `${device},${place}`);
  }

  addOnBus(device: string): void {
    this.argv.push("-device", device);
  }
}

/** Open files under names the emulator takes where it wants a path. */
class DescriptorSets {
  readonly argv: string[] = [];
  #count = 0;

  add(fd: number): string {
    this.#count += 1;
    this.argv.push("-add-fd", `fd=${fd},set=${this.#count}`);
    return `/dev/fdset/${this.#count}`;
  }
}
