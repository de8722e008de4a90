import type { LaunchInput } from "../../pod/stage1-contract.ts";
import { renderUnits, type UnitPlace } from "../units.ts";
import { encodeCpio } from "./encode-cpio.ts";
import type { GuestApp } from "./guest-roots.ts";
import { GUEST } from "./guest-scripts.ts";
import { addDevices, addEmptyVolumes, PodArchive } from "./pod-archive.ts";
import { type GuestDisk, type GuestRoot, renderPodScript } from "./pod-script.ts";

/** Units in a guest: its own kernel's file systems, a /dev of the app's own, and output that must be with the host first. */
const IN_GUEST: UnitPlace = {
  apiPaths: "/proc /sys /gantry/dev:/dev /dev/pts:/dev/pts /dev/shm:/dev/shm",
  ttyPath: "/dev/hvc0",
  podEnd: "poweroff",
  before: ["gantry-end.service", "gantry-io.service", "gantry-ctl.service"],
  started: "/usr/lib/gantry/started",
};
/** The pod's own TPM, with the kernel's resource manager and without. */
const TPM_DEVICES = ["/dev/tpmrm0", "/dev/tpm0"];

/** What one pod adds to the initramfs of its regime. */
export interface GuestPlanInput {
  readonly launch: LaunchInput;
  readonly apps: readonly GuestApp[];
  /** The disk of a layer, by the layer's name. */
  readonly disks: ReadonlyMap<string, GuestDisk>;
  readonly network: readonly (readonly string[])[];
  /** The only app has a terminal. */
  readonly hasTerminal: boolean;
  readonly terminalSize: { readonly rows: number; readonly columns: number } | undefined;
}

/** A stream of an app between its pipe in the guest and its port. */
export interface Pump {
  readonly pipe: string;
  readonly port: string;
  readonly direction: "out" | "in";
}

/** The streams of a pod; an app that has the caller's terminal has none. */
export function planPumps(apps: readonly GuestApp[]): Pump[] {
  const streams = apps.flatMap(({ resolved: { app, stdin } }): Pump[] => {
    if (stdin === "tty") return [];
    const out = ["stdout", "stderr"].map(
      (stream): Pump => ({ pipe: `${app.name}.${stream}`, port: `${stream}.${app.name}`, direction: "out" }),
    );
    const input: Pump = { pipe: `${app.name}.stdin`, port: `stdin.${app.name}`, direction: "in" };
    return stdin === "fifo" ? [...out, input] : out;
  });
  return [{ pipe: ".status", port: "status", direction: "out" }, ...streams];
}

/** The pod's own archive: follows the regime's initramfs, and is the beginning of every writable layer. */
export function encodePodArchive(input: GuestPlanInput): Uint8Array {
  const { pod, manifest } = input.launch;
  const archive = new PodArchive();
  const root = "up/stage1";
  for (const name of ["stage1", ...manifest.apps.map((app) => `app-${app.name}`)]) archive.dir(`wk/${name}`);
  for (const { resolved } of input.apps) {
    const { name } = resolved.app;
    archive.tree(`up/app-${name}`, pod.path(`apps/${name}/upper`));
    archive.dir(`${root}/opt/stage2/${name}/rootfs`);
  }
  const devices = [...(manifest.tpm === true ? TPM_DEVICES : []), ...(input.hasTerminal ? [IN_GUEST.ttyPath] : [])];
  const units = renderUnits(
    input.apps.map((app) => app.resolved),
    undefined,
    { ...IN_GUEST, devices, ...(input.terminalSize === undefined ? {} : { ttySize: input.terminalSize }) },
  );
  for (const [path, text] of units) archive.file(`${root}/${path}`, text);
  archive.file(`${root}/etc/machine-id`, `${manifest.uuid.replaceAll("-", "")}\n`, 0o444);
  archive.file(`${root}/etc/hostname`, `${manifest.hostname}\n`);
  for (const name of pod.list("etc")) archive.file(`${root}/gantry/etc/${name}`, pod.readText(`etc/${name}`));
  archive.dir(`${root}/gantry/volumes`);
  addEmptyVolumes(archive, manifest, `${root}/gantry/empty`);
  addDevices(archive, `${root}/gantry/dev`);
  if (input.hasTerminal) archive.file(`${root}/gantry/dev/console`, "");
  const pumps = planPumps(input.apps);
  archive.dir(`${root}/gantry/io`);
  for (const { pipe } of pumps) archive.add({ path: `${root}/gantry/io/${pipe}`, kind: "fifo", modeOctal: 0o666 });
  archive.file(`${root}/gantry/pumps`, pumps.map((one) => `${one.pipe} ${one.port} ${one.direction}\n`).join(""));
  archive.file(GUEST.podScript, renderScript(input));
  return encodeCpio(archive.entries);
}

function renderScript(input: GuestPlanInput): string {
  const { manifest } = input.launch;
  const serials = (layers: readonly string[]): string[] =>
    layers.flatMap((layer) => input.disks.get(layer)?.serial ?? []);
  const roots: GuestRoot[] = [
    { path: "", name: "stage1", disks: serials(manifest.stage1.image?.layers ?? []), readOnly: false, nodev: false },
    ...manifest.apps.map((app) => ({
      path: `/opt/stage2/${app.name}/rootfs`,
      name: `app-${app.name}`,
      disks: serials(app.image.layers),
      readOnly: app.readOnlyRootfs,
      nodev: true,
    })),
  ];
  return renderPodScript({
    disks: [...input.disks.values()],
    roots,
    hasTpm: manifest.tpm === true,
    hasVolumes: manifest.volumes.some((volume) => volume.kind === "host"),
    binds: input.apps.flatMap(({ resolved, binds }) =>
      binds.map((bind) => ({ ...bind, target: `/opt/stage2/${resolved.app.name}/rootfs${bind.target}` })),
    ),
    network: input.network,
    hasTerminal: input.hasTerminal,
  });
}
