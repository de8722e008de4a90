import type { AppOption } from "../../pod/options.ts";
import {
  type AppRunOptions,
  type DeviceOption,
  type SecurityOption,
  ULIMIT_NAMES,
  type Ulimit,
} from "../../pod/run-options.ts";
import { usageError } from "../errors.ts";
import type { CliHost } from "../host.ts";
import type { ParsedFlags } from "../parse-flags.ts";

/** Longest seccomp profile read, in bytes. */
const PROFILE_LIMIT = 1 << 20;

/** `--ulimit`, `--device` and `--security-opt` of one image. @throws {CliError} "cli/usage", "cli/bad-file" */
export async function parseAppOptions(
  host: CliHost,
  flags: ParsedFlags,
): Promise<AppRunOptions & Partial<Pick<AppOption, "seccomp" | "noNewPrivileges">>> {
  const ulimits = flags.strings("ulimit").flatMap(parseUlimit);
  const typed = flags.strings("device");
  const cdiDevices = typed.filter(isCdiName);
  const devices = typed.filter((text) => !isCdiName(text)).map(parseDevice);
  return {
    ...(ulimits.length === 0 ? {} : { ulimits: lastOfEach(ulimits) }),
    ...(devices.length === 0 ? {} : { devices }),
    ...(cdiDevices.length === 0 ? {} : { cdiDevices }),
    ...(await parseSecurity(host, flags.strings("security-opt"))),
  };
}

/** `nofile=1024:4096`; soft alone is both; -1 is no limit. `host` leaves the host's, as it is without the flag. */
export function parseUlimit(text: string): Ulimit[] {
  if (text === "host") return [];
  const [, typed = "", soft = "", hard = soft] = /^([a-z_]+)=(-1|\d{1,15})(?::(-1|\d{1,15}))?$/i.exec(text) ?? [];
  const name = ULIMIT_NAMES.find((one) => one === typed.toLowerCase().replace(/^rlimit_/, ""));
  if (name === undefined) {
    throw usageError(
      `Cannot use resource limit "${text.slice(0, 80)}"`,
      `write NAME=SOFT[:HARD] with one of ${ULIMIT_NAMES.join(", ")}; -1 for no limit`,
    );
  }
  const limit = { name, soft: limitOf(soft), hard: limitOf(hard) };
  if (numberOf(limit.soft) <= numberOf(limit.hard)) return [limit];
  throw usageError(
    `Cannot use resource limit "${text.slice(0, 80)}": the soft limit is above the hard one`,
    "write the smaller number first: NAME=SOFT:HARD",
  );
}

function limitOf(text: string): Ulimit["soft"] {
  return text === "-1" ? "unlimited" : Number(text);
}

function numberOf(limit: Ulimit["soft"]): number {
  return limit === "unlimited" ? Number.POSITIVE_INFINITY : limit;
}

function lastOfEach(ulimits: readonly Ulimit[]): Ulimit[] {
  return [...new Map(ulimits.map((one) => [one.name, one])).values()];
}

/** `vendor.com/class=name`. Spec: CDI 0.8.0, "Fully-qualified device names". */
function isCdiName(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9._-]*\/[A-Za-z][A-Za-z0-9._-]*=[A-Za-z0-9][A-Za-z0-9._:-]*$/.test(text);
}

function parseDevice(text: string): DeviceOption {
  const [source = "", second, third, extra] = text.split(":");
  const isAccess = (word: string | undefined) => word !== undefined && /^[rwm]{1,3}$/.test(word);
  const [target, access] = isAccess(second) && third === undefined ? [source, second] : [second ?? source, third];
  const isPlain = (path: string) => path.startsWith("/") && path !== "/" && !path.split("/").includes("..");
  if (isPlain(source) && isPlain(target) && (access === undefined || isAccess(access)) && extra === undefined) {
    return { source, target, access: access ?? "rwm" };
  }
  throw usageError(
    `Cannot use device "${text.slice(0, 200)}"`,
    "write /dev/NAME[:/dev/NAME_INSIDE[:rwm]], or a CDI name as vendor.com/class=name",
  );
}

interface Security {
  readonly security?: SecurityOption;
  readonly seccomp?: "default" | "unconfined";
  readonly noNewPrivileges?: boolean;
}

async function parseSecurity(host: CliHost, typed: readonly string[]): Promise<Security> {
  let found: Security = {};
  for (const text of typed) {
    const [, key = "", value = ""] = /^([a-z-]+)(?:[=:](.*))?$/.exec(text) ?? [];
    const { security = {} } = found;
    if (key === "no-new-privileges") found = { ...found, noNewPrivileges: value !== "false" };
    else if (value === "") throw badSecurity(text);
    else if (key === "seccomp" && value === "unconfined") found = { ...found, seccomp: "unconfined" };
    else if (key === "seccomp" && value === "default") found = { ...found, seccomp: "default" };
    else if (key === "seccomp") {
      const seccompProfile = await host.readTextFile(value, PROFILE_LIMIT);
      found = { ...found, security: { ...security, seccompProfile } };
    } else if (key === "apparmor") found = { ...found, security: { ...security, apparmor: value } };
    else if (key === "label")
      found = { ...found, security: { ...security, label: parseLabel(text, security.label, value) } };
    else if (key === "mask" || key === "unmask") {
      const paths = [...(security[key] ?? []), ...parsePaths(text, value, key)];
      found = { ...found, security: { ...security, [key]: paths } };
    } else throw badSecurity(text);
  }
  return found;
}

function parseLabel(
  text: string,
  before: SecurityOption["label"],
  value: string,
): NonNullable<SecurityOption["label"]> {
  if (value === "disable") return "disable";
  const [, key, part] = /^(user|role|type|level):([A-Za-z0-9_.:,-]{1,200})$/.exec(value) ?? [];
  if (key === undefined || part === undefined) throw badSecurity(text);
  return { ...(typeof before === "object" ? before : {}), [key]: part };
}

function parsePaths(text: string, value: string, key: "mask" | "unmask"): string[] {
  const paths = value.split(":");
  const isFine = (path: string) =>
    (key === "unmask" && path === "ALL") || (/^\/(proc|sys)\/./.test(path) && !path.split("/").includes(".."));
  if (paths.every(isFine)) return paths;
  throw usageError(
    `Cannot use security option "${text.slice(0, 200)}"`,
    `write ${key}=PATH:PATH with paths in /proc and /sys${key === "unmask" ? ", or unmask=ALL" : ""}`,
  );
}

function badSecurity(text: string) {
  return usageError(
    `Cannot use security option "${text.slice(0, 200)}"`,
    "use seccomp=FILE|unconfined, label=disable|user:U|role:R|type:T|level:L, apparmor=PROFILE|unconfined, mask=PATH:…, unmask=ALL|PATH:…, no-new-privileges",
  );
}
