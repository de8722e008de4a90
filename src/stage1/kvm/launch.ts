import { PodError } from "../../pod/errors.ts";
import type { LaunchInput } from "../../pod/stage1-contract.ts";
import type { Programs } from "../../sys/host.ts";
import { detectCgroupLayout } from "../../sys/linux/cgroup-layout.ts";
import { AT_FDCWD, O_APPEND, O_CREAT, O_RDONLY, O_WRONLY } from "../../sys/linux/constants.ts";
import { openFiles } from "../../sys/linux/files.ts";
import { dupAbove, openat2 } from "../../sys/linux/fs-calls.ts";
import { enterPrivateMountNamespace } from "../../sys/linux/mounts.ts";
import { PodCgroup } from "../../sys/linux/pod-cgroup.ts";
import { dieOfSignals } from "../../sys/linux/process-calls.ts";
import { createPrograms } from "../../sys/linux/processes.ts";
import { windowSize } from "../../sys/linux/terminal-calls.ts";
import { Stage1Error } from "../errors.ts";
import { podCgroupName } from "../pod-cgroups.ts";
import {
  becomeSupervisor,
  becomeTerminal,
  HOST_PATH,
  hasTerminal,
  isOnTerminal,
  isReplaced,
  SHELL_FDS,
  supervisorArgv,
} from "./become-supervisor.ts";
import { type AcceleratorChoice, chooseAccelerator, QEMU } from "./choose-accelerator.ts";
import { encodePodArchive } from "./guest-plan.ts";
import { type GuestApp, prepareGuestApps, unmountBeneath } from "./guest-roots.ts";
import { assertTpmPossible, noteMeasured, startGuestTpm } from "./guest-tpm.ts";
import { ensureLayerDisk, type LayerDisk } from "./layer-disk.ts";
import { descriptorsOf, renumberDescriptors } from "./machine-descriptors.ts";
import { planMachineSize } from "./machine-size.ts";
import { connectGuest, LOOPBACK_ONLY, type PodNetwork } from "./pod-network.ts";
import { openPorts, openTerminal, VM_DIR } from "./ports.ts";
import { MAX_DEVICES, planQemuArgv, type QemuInput } from "./qemu-argv.ts";
import { shareVolumes } from "./share-volumes.ts";

/** Where the answer about KVM is kept until the next boot. */
export const ACCELERATOR_CACHE = "/run/gantry/kvm";

/** What the kernel of every guest is told. Its tests of its own ciphers would take a tenth of an emulated start. */
export const COMMAND_LINE = "console=ttyS0 quiet loglevel=3 panic=-1 random.trust_cpu=on cryptomgr.notests";
const MAX_INITRD_BYTES = 256 * 1024 * 1024;

interface NamedDisk extends LayerDisk {
  readonly serial: string;
}

/**
 * Starts a pod as a virtual machine: a disk per layer, an archive with units and mount points, a port per stream, and then
 * this process becomes the supervisor (or starts it, with \`mode: "spawn"\`).
 * @throws {PodError} for what the apps lack or a guest cannot have; {Stage1Error} "stage1/missing-tool", "stage1/start-failed"
 */
export async function launchKvmPod(input: LaunchInput): Promise<{ readonly pid: number }> {
  assertPossible(input);
  if (isReplaced(input)) dieOfSignals();
  const programs = createPrograms();
  const accelerator = await chooseAccelerator({
    programs,
    host: openFiles("/"),
    cache: openFiles(ACCELERATOR_CACHE),
    clock: input.host.clock,
  });
  const disks = await collectDisks(input);
  const network = await joinNetwork(programs, input);
  const cgroup = PodCgroup.create(detectCgroupLayout(), podCgroupName(input.manifest.uuid));
  enterPrivateMountNamespace({ receive: true });
  // Whatever is started from here on belongs to the pod.
  const visit = cgroup.visit();
  try {
    const started = startMachine(input, { accelerator, disks, network, cgroup });
    if (!isOnTerminal(input)) return started;
  } catch (reason) {
    unmountBeneath(input.pod.root);
    throw reason;
  } finally {
    visit.leave();
  }
  return await becomeTerminal(input);
}

async function joinNetwork(programs: Programs, { netns, manifest }: LaunchInput): Promise<PodNetwork> {
  if (netns === "host") return { cards: [], commands: [] };
  const hasNone = manifest.nets.length === 1 && manifest.nets[0]?.name === "none";
  return hasNone ? LOOPBACK_ONLY : await connectGuest(programs, netns.path);
}

function assertPossible(input: LaunchInput): void {
  if (process.arch !== "x64") {
    throw new Stage1Error("stage1/unsupported-host", `Cannot start a virtual machine on ${process.arch}`, {
      hint: "use another regime, for instance --stage1=systemd",
    });
  }
  for (const [program, fix] of [
    [QEMU, "qemu-system-x86"],
    ["setpriv", "util-linux"],
    ["tc", "iproute2"],
  ] as const) {
    if (Bun.which(program, { PATH: HOST_PATH }) !== null) continue;
    throw new Stage1Error("stage1/missing-tool", `Cannot start pod: ${program} is not installed`, {
      hint: `install it: apt-get install ${fix}`,
    });
  }
  if (input.manifest.tpm === true) assertTpmPossible(input);
  if (hasTerminal(input) && input.manifest.apps.length > 1) {
    throw new PodError("pod/bad-option", "Cannot give several apps of a virtual machine a terminal", {
      hint: "leave out --tty, or give the app a pod of its own",
    });
  }
  if (input.netns !== "host") return;
  throw new PodError("pod/bad-option", "Cannot give a virtual machine the host's network", {
    hint: "leave out --net=host, or use another regime, for instance --stage1=systemd",
  });
}

/** A disk per layer, whoever uses it; each is made once per machine. */
async function collectDisks(input: LaunchInput): Promise<ReadonlyMap<string, NamedDisk>> {
  const { manifest } = input;
  const layers = [...(manifest.stage1.image?.layers ?? []), ...manifest.apps.flatMap((app) => app.image.layers)];
  const disks = new Map<string, NamedDisk>();
  for (const layer of new Set(layers)) {
    const disk = await ensureLayerDisk(createPrograms(), input.layerPath(layer));
    disks.set(layer, { ...disk, serial: `layer${disks.size}` });
  }
  if (disks.size <= MAX_DEVICES / 2) return disks;
  throw new PodError("pod/bad-option", `Cannot start a virtual machine with ${disks.size} layers`, {
    hint: `flatten the images: at most ${MAX_DEVICES / 2} layers fit`,
  });
}

interface Parts {
  readonly accelerator: AcceleratorChoice;
  readonly disks: ReadonlyMap<string, NamedDisk>;
  readonly network: PodNetwork;
  readonly cgroup: PodCgroup;
}

function startMachine(input: LaunchInput, parts: Parts): { readonly pid: number } {
  const { pod } = input;
  const stdin = hasTerminal(input) ? "tty" : input.interactive ? "fifo" : "null";
  const apps = prepareGuestApps(input, stdin);
  const bootLayer = findBootLayer(input);
  writeInitrd(input, { ...parts, apps, bootLayer });
  const logFd = openForAppend(pod.path("supervisor.log"));
  const volumesFd = shareVolumes(input, logFd);
  const machine: QemuInput = {
    program: QEMU,
    accelerator: parts.accelerator.accelerator,
    uuid: input.manifest.uuid,
    ...planMachineSize(input.manifest),
    kernelFd: openForRead(`${bootLayer}/boot/vmlinuz`),
    initrdFd: openForRead(pod.path(`${VM_DIR}/initrd`)),
    commandLine: COMMAND_LINE,
    consoleFd: openForAppend(pod.path(`${VM_DIR}/console`)),
    disks: [...parts.disks.values()].map((disk) => ({ ...disk, fd: openForRead(disk.path) })),
    ports: openPorts(
      input,
      apps.map(({ resolved }) => resolved),
    ),
    cards: parts.network.cards,
    ...(volumesFd === undefined ? {} : { volumesFd }),
    ...(input.manifest.tpm === true ? { tpm: startGuestTpm(input, logFd) } : {}),
    terminal: hasTerminal(input),
  };
  const [app] = apps;
  const terminal = app === undefined || !hasTerminal(input) ? undefined : openTerminal(pod, app.resolved.app.name);
  const held = [...descriptorsOf(machine), input.lockFd];
  // A started program gets its descriptors in a row; a process that becomes another keeps the numbers it has. Either way
  // they lie above those that the supervisor's shell uses itself.
  const kept = isReplaced(input) ? held.map((fd) => dupAbove(fd, SHELL_FDS)) : held;
  const numbers = new Map(held.map((fd, index) => [fd, isReplaced(input) ? (kept[index] ?? -1) : index + SHELL_FDS]));
  const qemu = planQemuArgv(renumberDescriptors(machine, (fd) => numbers.get(fd) ?? -1));
  return becomeSupervisor(input, {
    argv: supervisorArgv(input, parts.accelerator, qemu),
    held: kept,
    logFd,
    cgroup: parts.cgroup,
    ...(terminal === undefined ? {} : { terminal }),
  });
}

/** The layer of the regime's image that has kernel and initramfs. */
function findBootLayer(input: LaunchInput): string {
  const found = (input.manifest.stage1.image?.layers ?? [])
    .map((layer) => input.layerPath(layer))
    .find((path) => openFiles(path).has("boot/vmlinuz"));
  if (found !== undefined) return found;
  throw new Stage1Error("stage1/not-built", "Cannot start a virtual machine: its stage1 image has no kernel", {
    hint: "build it: gantry stage1 build kvm",
  });
}

function writeInitrd(
  input: LaunchInput,
  parts: Parts & { readonly apps: readonly GuestApp[]; readonly bootLayer: string },
): void {
  const size = isOnTerminal(input) ? windowSize(0) : undefined;
  const archive = encodePodArchive({
    launch: input,
    apps: parts.apps,
    disks: parts.disks,
    network: parts.network.commands,
    hasTerminal: hasTerminal(input),
    terminalSize: size?.rows === 0 ? undefined : size,
  });
  const base = openFiles(parts.bootLayer).readBytes("boot/initrd", MAX_INITRD_BYTES);
  const initrd = Buffer.concat([base, archive]);
  input.pod.writePlain(`${VM_DIR}/initrd`, initrd, 0o644);
  if (input.manifest.tpm === true) noteMeasured(input.pod, { commandLine: COMMAND_LINE, initrd });
}

function openForRead(path: string): number {
  return openat2(AT_FDCWD, path, { flags: O_RDONLY });
}

function openForAppend(path: string): number {
  return openat2(AT_FDCWD, path, { flags: O_WRONLY | O_CREAT | O_APPEND, modeOctal: 0o600 });
}
