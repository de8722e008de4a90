import type { EngineContext } from "../context.ts";
import type { DoctorCheck } from "../use-cases.ts";
import { passed, readIfThere } from "./section.ts";

/** Whether the kernel confines by AppArmor or SELinux, which is what some security options of apps need. */
export async function checkSecurityModules({ host }: EngineContext): Promise<readonly DoctorCheck[]> {
  return [checkAppArmor(host), checkSelinux(host)];
}

function checkAppArmor(host: EngineContext["host"]): DoctorCheck {
  const isEnabled = readIfThere(host, "sys/module/apparmor/parameters/enabled") === "Y";
  if (!isEnabled) return passed("AppArmor", "off in this kernel: apps with apparmor=PROFILE are refused");
  const profiles = readIfThere(host, "sys/kernel/security/apparmor/profiles")?.split("\n").length;
  const loaded = profiles === undefined ? "" : `, ${profiles} profiles loaded`;
  return passed("AppArmor", `on${loaded}: apps are confined by the profile of apparmor=PROFILE`);
}

function checkSelinux(host: EngineContext["host"]): DoctorCheck {
  const enforce = readIfThere(host, "sys/fs/selinux/enforce");
  if (enforce === undefined)
    return passed("SELinux", "off in this kernel, or without a policy: apps with label=… are refused");
  const mode = enforce === "1" ? "enforcing" : "permissive: what a label forbids is only logged";
  return passed("SELinux", `on, ${mode}`);
}
