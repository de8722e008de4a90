import type { GuestPort, QemuInput } from "./qemu-argv.ts";

/** Every descriptor a machine is given, each once. */
export function descriptorsOf(machine: QemuInput): number[] {
  const found: number[] = [];
  renumberDescriptors(machine, (fd) => {
    found.push(fd);
    return fd;
  });
  return found;
}

/** The same machine with other numbers for its descriptors. */
export function renumberDescriptors(machine: QemuInput, number: (fd: number) => number): QemuInput {
  const port = ({ name, backend }: GuestPort): GuestPort => ({
    name,
    backend: backend.kind === "stdin" ? backend : { ...backend, fd: number(backend.fd) },
  });
  const { volumesFd, tpm } = machine;
  return {
    ...machine,
    kernelFd: number(machine.kernelFd),
    initrdFd: number(machine.initrdFd),
    consoleFd: number(machine.consoleFd),
    disks: machine.disks.map((disk) => ({ ...disk, fd: number(disk.fd) })),
    ports: machine.ports.map(port),
    cards: machine.cards.map((card) => ({ ...card, fd: number(card.fd) })),
    ...(volumesFd === undefined ? {} : { volumesFd: number(volumesFd) }),
    ...(tpm === undefined ? {} : { tpm: { fd: number(tpm.fd), firmwareFd: number(tpm.firmwareFd) } }),
  };
}
