import { planSeccompProfile } from "../../pod/docker-seccomp.ts";
import type { PodApp } from "../../pod/manifest.ts";
import type { SecurityOption } from "../../pod/run-options.ts";
import type { LaunchInput } from "../../pod/stage1-contract.ts";
import type { Files } from "../../sys/host.ts";
import { Stage1Error } from "../errors.ts";

type Json = Readonly<Record<string, unknown>>;

/** Where the kernel tells of its security modules. */
const APPARMOR = "sys/module/apparmor/parameters/enabled";
const APPARMOR_PROFILES = "sys/kernel/security/apparmor/profiles";
const SELINUX = "sys/fs/selinux/enforce";
const DEFAULT_LABEL = { user: "system_u", role: "system_r", type: "container_t", level: "s0" } as const;

/**
 * Members of the runtime's configuration for labels, AppArmor and a seccomp profile of the user's own.
 * @throws {Stage1Error} "stage1/unsupported-host" for a module that this host does not use
 */
export function planSecurity(
  { host: { host } }: Pick<LaunchInput, "host">,
  { name, security, capabilities }: PodApp,
): { readonly process: Json; readonly linux: Json } {
  const { seccompProfile, apparmor, label } = security ?? {};
  const selinuxLabel = label === undefined || label === "disable" ? undefined : planLabel(host, name, label);
  const profile = apparmor === undefined || apparmor === "unconfined" ? undefined : apparmor;
  if (profile !== undefined) assertProfile(host, name, profile);
  return {
    process: {
      ...(profile === undefined ? {} : { apparmorProfile: profile }),
      ...(selinuxLabel === undefined ? {} : { selinuxLabel }),
    },
    linux: {
      ...(selinuxLabel === undefined ? {} : { mountLabel: fileLabel(selinuxLabel) }),
      ...(seccompProfile === undefined
        ? {}
        : {
            seccomp: planSeccompProfile(seccompProfile, {
              machine: process.arch,
              capabilities,
              kernel: host.readText("proc/sys/kernel/osrelease", 256),
            }),
          }),
    },
  };
}

function planLabel(host: Files, app: string, parts: Exclude<SecurityOption["label"], "disable" | undefined>): string {
  if (!host.has(SELINUX))
    throw missing(`label app "${app}"`, "SELinux", "leave out label=, or enable SELinux with a policy");
  const { user, role, type, level } = { ...DEFAULT_LABEL, ...parts };
  return `${user}:${role}:${type}:${level}`;
}

/** What the runtime's own mounts are labelled with. */
function fileLabel(label: string): string {
  const [user = "", , , ...level] = label.split(":");
  return [user, "object_r", "container_file_t", ...level].join(":");
}

function assertProfile(host: Files, app: string, profile: string): void {
  const doing = `confine app "${app}" by AppArmor profile "${profile.slice(0, 80)}"`;
  const isEnabled = host.has(APPARMOR) && host.readText(APPARMOR, 16).trim() === "Y";
  if (!isEnabled) throw missing(doing, "AppArmor", "leave out apparmor=, or boot with apparmor=1 security=apparmor");
  const loaded = host.has(APPARMOR_PROFILES) ? host.readText(APPARMOR_PROFILES) : undefined;
  const names = loaded?.split("\n").map((line) => line.replace(/ \([a-z]+\)$/, ""));
  if (names === undefined || names.includes(profile)) return;
  throw new Stage1Error("stage1/unsupported-host", `Cannot ${doing}: no such profile is loaded`, {
    hint: "load it: apparmor_parser --replace FILE; aa-status lists what is loaded",
    data: { profile },
  });
}

function missing(doing: string, module: string, hint: string): Stage1Error {
  return new Stage1Error("stage1/unsupported-host", `Cannot ${doing}: this host's kernel runs without ${module}`, {
    hint,
  });
}
