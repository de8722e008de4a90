import { expect, test } from "bun:test";
import { type GuestPort, planQemuArgv, type QemuInput } from "./qemu-argv.ts";

const INPUT: QemuInput = {
  program: "qemu-system-x86_64",
  accelerator: "tcg",
  uuid: "00000000-0000-4000-8000-000000000000",
  memoryMib: 640,
  cpus: 2,
  kernelFd: 20,
  initrdFd: 21,
  commandLine: "quiet",
  consoleFd: 22,
  disks: [],
  ports: [],
  cards: [],
  terminal: false,
};

test("planQemuArgv() gives every device and port a place of its own, however many there are", () => {
  const disks = Array.from({ length: 40 }, (_, i) => ({
    path: "",
    fsType: "erofs" as const,
    serial: `layer${i}`,
    fd: 30 + i,
  }));
  const ports = Array.from(
    { length: 70 },
    (_, i): GuestPort => ({ name: `p${i}`, backend: { kind: "append", fd: 100 + i } }),
  );
  const argv = planQemuArgv({ ...INPUT, disks, ports });
  const devices = argv.filter((_, index) => argv[index - 1] === "-device");
  const places = devices.flatMap((device) => /addr=(0x[0-9a-f]+\.[0-7])/.exec(device)?.[1] ?? []);
  expect(new Set(places).size).toBe(places.length);
  const numbers = devices.flatMap((device) => /^virtserialport,(bus=\S+?,nr=\d+)/.exec(device)?.[1] ?? []);
  expect([numbers.length, new Set(numbers).size]).toEqual([70, 70]);
  expect(devices.filter((device) => device.startsWith("virtio-serial-pci")).length).toBe(3);
});

test("planQemuArgv() names no file of the host that the emulator would have to open by itself", () => {
  const ports: GuestPort[] = [
    { name: "ctl", backend: { kind: "fifo", fd: 40 } },
    { name: "exec.0", backend: { kind: "listen", fd: 41 } },
  ];
  const argv = planQemuArgv({ ...INPUT, ports, volumesFd: 50, cards: [{ mac: "02:00:00:00:00:01", fd: 60 }] });
  const paths = argv.flatMap((word) => word.match(/(?<==|^)\/[^,]+/g) ?? []);
  expect(paths.filter((path) => !/^\/(dev\/fdset\/\d+|proc\/self\/fd\/\d+|dev\/urandom)$/.test(path))).toEqual([]);
  expect(argv.join(" ")).toContain("-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
});
