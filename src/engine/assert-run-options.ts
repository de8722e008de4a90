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
      `Cannot use ${missing.typed} in stage1 ${regime}: it has no such option`,
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
}
