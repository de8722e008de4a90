import type { PodManifest } from "./manifest.ts";
import type { RunOption } from "./run-options.ts";

/** What a pod asks for that a regime may not have, each with the words the user knows it by. */
export function usedRunOptions({
  apps,
  ...pod
}: PodManifest): { readonly option: RunOption; readonly typed: string }[] {
  const used: (readonly [RunOption, string, boolean])[] = [
    ["pid", `--pid=${pod.sharing?.pid ?? ""}`, (pod.sharing?.pid ?? "private") !== "private"],
    ["ipc", `--ipc=${pod.sharing?.ipc ?? ""}`, (pod.sharing?.ipc ?? "pod") !== "pod"],
    ["shm-size", "--shm-size", pod.shmBytes !== undefined],
    ["sysctl", "--sysctl", pod.sysctls !== undefined],
    ["runtime", "--runtime", pod.runtime !== undefined],
    ["tpm", "--tpm", pod.tpm === true],
    ["userns", pod.userns?.kind === "explicit" ? "--uidmap" : "--userns=auto", pod.userns !== undefined],
    ["hooks-dir", "--hooks-dir", pod.hooksDirs !== undefined],
    ...apps.flatMap(({ ulimits, devices, cdiDevices, security, mounts }): (readonly [RunOption, string, boolean])[] => {
      const shared = mounts.find(({ propagation }) => propagation?.endsWith("shared") === true);
      const mapped = mounts.some(({ idmap }) => idmap !== undefined);
      const other = mounts.find(({ propagation }) => propagation?.endsWith("shared") === false);
      return [
        ["ulimit", "--ulimit", ulimits !== undefined],
        ["device", "--device", devices !== undefined],
        ["cdi", `--device=${cdiDevices?.[0] ?? ""}`, cdiDevices !== undefined],
        ["seccomp-profile", "--security-opt=seccomp=FILE", security?.seccompProfile !== undefined],
        ["label", "--security-opt=label=…", (security?.label ?? "disable") !== "disable"],
        ["apparmor", "--security-opt=apparmor=…", (security?.apparmor ?? "unconfined") !== "unconfined"],
        ["mask", "--security-opt=mask=…", security?.mask !== undefined],
        ["mask", "--security-opt=unmask=…", security?.unmask !== undefined],
        ["idmap", "a volume with idmap", mapped],
        ["propagation", `a volume with ${other?.propagation ?? ""}`, other !== undefined],
        ["shared-propagation", `a volume with ${shared?.propagation ?? ""}`, shared !== undefined],
      ];
    }),
  ];
  return used.flatMap(([option, typed, isUsed]) => (isUsed ? [{ option, typed }] : []));
}
