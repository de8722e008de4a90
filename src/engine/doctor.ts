import type { EngineContext } from "./context.ts";
import { checkCgroups } from "./doctor/check-cgroups.ts";
import { checkCheckpoint } from "./doctor/check-checkpoint.ts";
import { checkClock } from "./doctor/check-clock.ts";
import { checkKernel } from "./doctor/check-kernel.ts";
import { checkNetworking } from "./doctor/check-networking.ts";
import { checkOtherRegimes } from "./doctor/check-other-regimes.ts";
import { checkPrivileges } from "./doctor/check-privileges.ts";
import { checkSecurityModules } from "./doctor/check-security-modules.ts";
import { checkStage1 } from "./doctor/check-stage1.ts";
import { checkStore } from "./doctor/check-store.ts";
import { checkSystemd } from "./doctor/check-systemd.ts";
import { checkTpm } from "./doctor/check-tpm.ts";
import { checkTrustedKeys } from "./doctor/check-trusted-keys.ts";
import { checkUserNamespaces } from "./doctor/check-user-namespaces.ts";
import { type DoctorSection, runSection } from "./doctor/section.ts";
import type { DoctorCheck } from "./use-cases.ts";

/** In the order people should repair things. */
const SECTIONS: readonly DoctorSection[] = [
  { name: "privileges", run: checkPrivileges },
  { name: "kernel", run: checkKernel },
  { name: "security modules", run: checkSecurityModules },
  { name: "cgroups", run: checkCgroups },
  { name: "systemd", run: checkSystemd },
  { name: "stage1", run: checkStage1 },
  { name: "checkpoint", run: checkCheckpoint },
  { name: "network", run: checkNetworking },
  { name: "store", run: checkStore },
  { name: "user namespaces", run: checkUserNamespaces },
  { name: "clock", run: checkClock },
  { name: "trusted keys", run: checkTrustedKeys },
  { name: "TPM", run: checkTpm },
  { name: "other regimes", run: checkOtherRegimes },
];

/**
 * `doctor`: what this host can do, and how to get the rest. Only looks: makes, mounts and loads nothing. A section that
 * cannot look is a failed check, never the end of the others.
 */
export async function doctor(
  ctx: EngineContext,
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly DoctorCheck[]> {
  const sections = await Promise.all(SECTIONS.map((section) => runSection(ctx, section, options)));
  return sections.flat();
}
