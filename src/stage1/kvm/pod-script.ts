import { GUEST } from "./guest-scripts.ts";

/** A read-only disk: the image of one layer. */
export interface GuestDisk {
  readonly serial: string;
  readonly fsType: "erofs" | "squashfs";
}

/** A root made of disks, lowest first, and a directory of the initramfs that takes the changes. */
export interface GuestRoot {
  /** Absolute path in the pod's root; "" is that root itself. */
  readonly path: string;
  readonly name: string;
  readonly disks: readonly string[];
  readonly readOnly: boolean;
  readonly nodev: boolean;
}

/** Something of the pod's root shown at another place of it; paths are absolute and free of links. */
export interface GuestBind {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/** Everything the first init does for one pod. */
export interface PodScriptInput {
  readonly disks: readonly GuestDisk[];
  readonly roots: readonly GuestRoot[];
  /** The guest has a TPM, which apps see in their /dev, beside the log of what was measured. */
  readonly hasTpm?: boolean;
  /** The host shares directories, at `/gantry/volumes`. */
  readonly hasVolumes: boolean;
  readonly binds: readonly GuestBind[];
  /** Arguments of ip(8), in order. */
  readonly network: readonly (readonly string[])[];
  /** The app has a terminal, which it sees as /dev/console. */
  readonly hasTerminal?: boolean;
}

/** Renders the script; every word is quoted, so nothing of a pod is ever read as a command. */
export function renderPodScript(input: PodScriptInput): string {
  const lines = needsLateDrivers(input) ? [command("drivers")] : [];
  for (const { serial, fsType } of input.disks) lines.push(command("disk", serial, `/l/${serial}`, fsType));
  for (const root of input.roots) {
    const lowers = root.disks.map((serial) => `/l/${serial}`).toReversed();
    const options = [
      ...(root.readOnly ? ["ro"] : []),
      ...(root.nodev ? ["nodev"] : []),
      `lowerdir=${lowers.join(":")}`,
      `upperdir=/up/${root.name}`,
      `workdir=/wk/${root.name}`,
    ];
    lines.push(command("overlay", `${GUEST.root}${root.path}`, options.join(",")));
  }
  if (input.hasTpm === true) lines.push(command("tpm", `${GUEST.root}/gantry/dev`));
  if (input.hasVolumes) lines.push(command("shared", `${GUEST.root}/gantry/volumes`));
  for (const { source, target, readOnly } of input.binds)
    lines.push(command(readOnly ? "readonly_bind" : "bind", `${GUEST.root}${source}`, `${GUEST.root}${target}`));
  for (const words of input.network) lines.push(command("net", ...words));
  if (input.hasTerminal === true) lines.push(command("bind", "/dev/hvc0", `${GUEST.root}/gantry/dev/console`));
  return `${lines.join("\n")}\n`;
}

/** Whether a pod uses a driver of `LATE_MODULES`. */
function needsLateDrivers({ disks, hasVolumes, network }: PodScriptInput): boolean {
  return (
    hasVolumes || disks.some(({ fsType }) => fsType === "squashfs") || network.some((words) => words.includes("dev"))
  );
}

function command(...words: readonly string[]): string {
  return words.map(quoteShellWord).join(" ");
}

/** Any text as one word for a POSIX shell. */
export function quoteShellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
