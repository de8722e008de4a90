import { planSeccompProfile } from "../pod/docker-seccomp.ts";
import { PodError } from "../pod/errors.ts";
import type { PodManifest } from "../pod/manifest.ts";
import type { RunOption } from "../pod/run-options.ts";
import { assertSysctls } from "../pod/sysctls.ts";
import { usedRunOptions } from "../pod/used-run-options.ts";
import { Stage1Error } from "../stage1/errors.ts";
import { REGIMES } from "./regimes.ts";

/**
 * Asserts before anything is made that the pod's regime has every option that the pod asks for, and that what they say can
 * be meant. @throws {Stage1Error} "stage1/unsupported" naming the regimes that have it; {PodError} "pod/bad-option"
 */
export function assertRunOptions(manifest: PodManifest, options: readonly RunOption[] = []): void {
  const { regime } = manifest.stage1;
  const missing = usedRunOptions(manifest).find(({ option }) => !options.includes(option));
  if (missing !== undefined) {
    const able = REGIMES.filter((one) => one.options?.includes(missing.option) === true).map((one) => one.regime);
    throw new Stage1Error(
      "stage1/unsupported",
      `Cannot use ${missing.typed} in stage1 ${regime}: ${whyNot(missing.option, regime)}`,
      {
        hint: `use one that has: ${able.map((name) => `--stage1=${name}`).join(", ")}`,
        data: { option: missing.option, regime, able },
      },
    );
  }
  for (const { security, capabilities, name, seccomp } of manifest.apps) {
    if (security?.seccompProfile === undefined) continue;
    if (seccomp === "unconfined") {
      throw new PodError("pod/bad-option", `Cannot use both a seccomp profile and no filter for app "${name}"`, {
        hint: "leave out one of the two: --security-opt=seccomp=FILE or --seccomp=unconfined",
      });
    }
    planSeccompProfile(security.seccompProfile, { machine: process.arch, capabilities, kernel: "0" });
  }
  assertSysctls(manifest);
  assertUserNamespace(manifest);
}

function assertUserNamespace({ userns, apps }: PodManifest): void {
  const mounts = apps.flatMap((app) => app.mounts);
  const mapped = mounts.find(({ idmap }) => idmap === true);
  if (userns === undefined && mapped !== undefined) {
    throw new PodError(
      "pod/bad-option",
      `Cannot map the ids of the volume at "${mapped.target}": the pod has the host's`,
      {
        hint: "give it ids of its own: --userns=auto, or leave out idmap",
      },
    );
  }
  const shared = userns === undefined ? undefined : mounts.find(({ propagation }) => propagation?.endsWith("shared"));
  if (shared === undefined) return;
  throw new PodError(
    "pod/bad-option",
    `Cannot share mounts at "${shared.target}" with the host: what a user namespace of its own mounts stays in it`,
    { hint: "use slave or rslave, or leave out --userns, --uidmap and --gidmap" },
  );
}

const NO_USER_NAMESPACE: Readonly<Record<string, string>> = {
  systemd: "systemd-nspawn takes no user namespace together with a network that is there already",
  gvisor:
    "its kernel has no rights on the host anyway, and runsc takes no user namespace together with the pod's network",
  kvm: "its guest has users of its own anyway",
  fly: "it separates nothing",
};

function whyNot(option: RunOption, regime: string): string {
  return (option === "userns" ? NO_USER_NAMESPACE[regime] : undefined) ?? "it has no such option";
}
