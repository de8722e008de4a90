import type { PodManifest } from "../../pod/manifest.ts";
import type { ProcMask } from "../kernel-paths.ts";

/** What decides the supervisor's command line besides the manifest. */
export interface NspawnInput {
  readonly program: string;
  readonly rootfs: string;
  readonly netns: { readonly path: string } | "host";
  /** The host runs systemd as PID 1: let it make a scope and register the pod with machined. */
  readonly isSystemdHost: boolean;
  /** The launching process already is the main process of a unit of the host's systemd. */
  readonly isOwnUnit: boolean;
  readonly isInteractive: boolean;
  readonly capabilities: readonly string[];
  /** Covered for the whole pod; must exist in its /proc. */
  readonly maskedPaths: readonly ProcMask[];
}

/** Machine name of a pod, as machinectl lists it. */
export function machineName(uuid: string): string {
  return `gantry-${uuid}`;
}

/**
 * Command line of systemd-nspawn for a pod. SIGTERM to it becomes SIGINT to the pod's systemd, which starts its
 * ctrl-alt-del.target, the orderly exit that keeps the exit code (halt would lose it). Spec: systemd-nspawn(1).
 */
export function planNspawnArgv(manifest: PodManifest, input: NspawnInput): [string, ...string[]] {
  const supervision = input.isSystemdHost
    ? [input.isOwnUnit ? "--keep-unit" : "--slice=machine.slice", "--register=yes", "--notify-ready=yes"]
    : ["--keep-unit", "--register=no"];
  return [
    input.program,
    "--quiet",
    "--boot",
    ...supervision,
    "--link-journal=no",
    "--resolv-conf=off",
    "--timezone=off",
    "--kill-signal=SIGINT",
    `--machine=${machineName(manifest.uuid)}`,
    `--uuid=${manifest.uuid}`,
    `--hostname=${manifest.hostname}`,
    `--directory=${input.rootfs}`,
    `--console=${input.isInteractive ? "interactive" : "pipe"}`,
    ...(input.netns === "host" ? [] : [`--network-namespace-path=${input.netns.path}`]),
    ...input.maskedPaths.map(({ path, kind }) =>
      kind === "dir" ? `--tmpfs=${path}:ro,mode=0` : `--bind-ro=/dev/null:${path}`,
    ),
    ...(input.capabilities.length === 0 ? [] : [`--capability=${input.capabilities.map((c) => `CAP_${c}`).join(",")}`]),
  ];
}
