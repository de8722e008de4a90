import { renderExitedScript } from "./exited-script.ts";

/** Programs of the host that the pod's init consists of; each brings the libraries it is linked with. */
export const STAGE1_PROGRAMS: readonly { readonly from: string; readonly to: string }[] = [
  { from: "/usr/lib/systemd/systemd", to: "usr/lib/systemd/systemd" },
  { from: "/usr/lib/systemd/systemd-shutdown", to: "usr/lib/systemd/systemd-shutdown" },
  { from: "/usr/bin/systemctl", to: "usr/bin/systemctl" },
  { from: "/bin/sh", to: "usr/bin/sh" },
];

/** Units of the host's systemd that an orderly end needs. */
export const STAGE1_UNITS: readonly string[] = [
  "exit.target",
  "systemd-exit.service",
  "halt.target",
  "systemd-halt.service",
  "poweroff.target",
  "systemd-poweroff.service",
  "shutdown.target",
  "umount.target",
  "final.target",
];

/** One entry of the stage1 tree that is not a copy of a host file. */
export type PlannedEntry =
  | { readonly kind: "dir"; readonly path: string; readonly modeOctal: number }
  | { readonly kind: "symlink"; readonly path: string; readonly target: string }
  | { readonly kind: "text"; readonly path: string; readonly text: string; readonly modeOctal: number };

/** Directories, links and files of our own in a stage1 tree, parents first. Pure, the same on every host. */
export function planStage1Skeleton(): PlannedEntry[] {
  const dirs = [
    "dev",
    "etc",
    "etc/systemd",
    "etc/systemd/system",
    "gantry",
    "opt",
    "opt/stage2",
    "proc",
    "run",
    "sys",
    "tmp",
    "usr",
    "usr/bin",
    "usr/lib",
    "usr/lib/gantry",
    "usr/lib/systemd",
    "usr/lib/systemd/system",
    "usr/lib64",
    "usr/sbin",
    "var",
    "var/tmp",
  ]; // prettier-ignore
  return [
    ...dirs.map((path): PlannedEntry => ({ kind: "dir", path, modeOctal: path.endsWith("tmp") ? 0o1777 : 0o755 })),
    ...["bin", "lib", "lib64", "sbin"].map((path): PlannedEntry => ({ kind: "symlink", path, target: `usr/${path}` })),
    { kind: "symlink", path: "etc/systemd/system/ctrl-alt-del.target", target: "/usr/lib/systemd/system/exit.target" },
    { kind: "text", path: "usr/lib/os-release", modeOctal: 0o644, text: 'ID=gantry-stage1\nNAME="Gantry stage1"\n' },
    { kind: "text", path: "etc/systemd/system.conf", modeOctal: 0o644, text: SYSTEM_CONF },
    { kind: "text", path: "etc/nsswitch.conf", modeOctal: 0o644, text: "passwd: files\ngroup: files\n" },
    { kind: "text", path: "etc/machine-id", modeOctal: 0o444, text: "" },
    { kind: "text", path: "usr/lib/gantry/exited", modeOctal: 0o755, text: renderExitedScript() },
  ];
}

const SYSTEM_CONF = `[Manager]
LogTarget=null
ShowStatus=no
CtrlAltDelBurstAction=none
DefaultStandardOutput=null
DumpCore=no
`;

/**
 * Library paths in what the dynamic loader prints with --list, e.g. "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6
 * (0x…)" and the loader's own line. A library it cannot find is reported by name.
 */
export function parseLoaderList(text: string): {
  readonly libraries: readonly string[];
  readonly missing: readonly string[];
} {
  const libraries = new Set<string>();
  const missing: string[] = [];
  for (const line of text.split("\n")) {
    const [, name, path] = /^\s*(?:(\S+) => )?(\/\S+) \(0x[0-9a-f]+\)$/.exec(line) ?? [];
    if (path !== undefined) libraries.add(path);
    const lost =
      /^\s*(\S+) => not found$/.exec(line)?.[1] ?? (name !== undefined && path === undefined ? name : undefined);
    if (lost !== undefined) missing.push(lost);
  }
  return { libraries: [...libraries].sort(), missing };
}

/** Where a library goes in a merged-/usr tree: `/lib/x` becomes `usr/lib/x`. */
export function stage1LibraryPath(hostPath: string): string {
  return hostPath.replace(/^\/(?=lib(32|64|x32)?\/)/, "usr/").replace(/^\//, "");
}
