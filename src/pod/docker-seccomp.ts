import { BaseError } from "../base/base-error.ts";
import { parseJsonStrict } from "../base/json.ts";
import { PodError } from "./errors.ts";

/** Where a profile is to be used: its conditions are held against this. */
export interface SeccompPlace {
  /** As `process.arch` names it. */
  readonly machine: string;
  /** Names without `CAP_`. */
  readonly capabilities: readonly string[];
  /** As in /proc/sys/kernel/osrelease. */
  readonly kernel: string;
}

type Json = Readonly<Record<string, unknown>>;

const LIMIT_BYTES = 1024 * 1024;
const ACTIONS = ["KILL", "KILL_PROCESS", "KILL_THREAD", "TRAP", "ERRNO", "TRACE", "ALLOW", "LOG", "NOTIFY"];
const OPERATORS = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"];
const ARCHITECTURES: ReadonlyMap<string, { readonly name: string; readonly scmp: string }> = new Map([
  ["x64", { name: "amd64", scmp: "SCMP_ARCH_X86_64" }],
  ["arm64", { name: "arm64", scmp: "SCMP_ARCH_AARCH64" }],
]);

/**
 * The runtime's filter from a profile in Docker's format: rules whose conditions on machine, capabilities and kernel do
 * not hold are left out. Pure. Spec: containers-common, seccomp.json(5); OCI runtime-spec v1.2.0, config-linux.md "Seccomp"
 * @throws {PodError} "pod/bad-option" with everything that is wrong
 */
export function planSeccompProfile(text: string, place: SeccompPlace): Json {
  const problems: string[] = [];
  const top = asObject(decode(text), "the document", problems);
  const action = (value: unknown, at: string) => {
    if (!ACTIONS.some((name) => value === `SCMP_ACT_${name}`)) problems.push(`${at} ${JSON.stringify(value)}`);
    return value;
  };
  const syscalls = asList(top["syscalls"], "syscalls", problems).flatMap((entry, index): Json[] => {
    const at = `syscalls[${index}]`;
    const rule = asObject(entry, at, problems);
    const names = rule["names"] ?? (rule["name"] === undefined ? [] : [rule["name"]]);
    if (!Array.isArray(names) || names.length === 0 || !names.every((name) => typeof name === "string"))
      problems.push(`${at} names no system call`);
    const planned = {
      names,
      action: action(rule["action"], `${at}.action`),
      ...number(rule, "errnoRet", at, problems),
      ...planArgs(rule["args"], `${at}.args`, problems),
    };
    const isWanted = [
      holds(asObject(rule["includes"] ?? {}, `${at}.includes`, problems), place, true),
      holds(asObject(rule["excludes"] ?? {}, `${at}.excludes`, problems), place, false),
    ];
    return isWanted.every(Boolean) ? [planned] : [];
  });
  const planned = {
    defaultAction: action(top["defaultAction"], "defaultAction"),
    ...number(top, "defaultErrnoRet", "", problems),
    ...planArchitectures(top, place, problems),
    ...(top["flags"] === undefined ? {} : { flags: asList(top["flags"], "flags", problems) }),
    syscalls,
  };
  if (top["listenerPath"] !== undefined) problems.push("listenerPath is not supported");
  if (problems.length === 0) return planned;
  throw badProfile(problems.slice(0, 8).join("; "));
}

function decode(text: string): unknown {
  try {
    return parseJsonStrict(text, { limitBytes: LIMIT_BYTES });
  } catch (reason) {
    if (reason instanceof BaseError) throw badProfile(reason.message, reason);
    throw reason;
  }
}

/** With `all`, every condition given has to hold; without, none may. */
function holds({ arches, caps, minKernel }: Json, place: SeccompPlace, all: boolean): boolean {
  const arch = ARCHITECTURES.get(place.machine)?.name ?? place.machine;
  const results = [
    ...(Array.isArray(arches) && arches.length > 0 ? [arches.includes(arch)] : []),
    ...(Array.isArray(caps) && caps.length > 0 ? [hasCapabilities(caps, place.capabilities, all)] : []),
    ...(typeof minKernel === "string" && minKernel !== "" ? [isAtLeast(place.kernel, minKernel)] : []),
  ];
  return all ? results.every(Boolean) : !results.some(Boolean);
}

function hasCapabilities(caps: readonly unknown[], own: readonly string[], all: boolean): boolean {
  const has = (name: unknown) => typeof name === "string" && own.includes(name.replace(/^CAP_/, ""));
  return all ? caps.every(has) : caps.some(has);
}

function isAtLeast(kernel: string, wanted: string): boolean {
  const numbers = (text: string) => text.split(/[^0-9]+/, 2).map(Number);
  const [major = 0, minor = 0] = numbers(kernel);
  const [wantedMajor = 0, wantedMinor = 0] = numbers(wanted);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

function planArgs(value: unknown, at: string, problems: string[]): Json {
  const args = asList(value, at, problems).map((entry, index) => {
    const arg = asObject(entry, `${at}[${index}]`, problems);
    if (!OPERATORS.some((name) => arg["op"] === `SCMP_CMP_${name}`)) problems.push(`${at}[${index}].op`);
    return {
      ...number(arg, "index", `${at}[${index}]`, problems),
      ...number({ value: 0, ...arg }, "value", `${at}[${index}]`, problems),
      ...number(arg, "valueTwo", `${at}[${index}]`, problems),
      op: arg["op"],
    };
  });
  return args.length === 0 ? {} : { args };
}

/** `archMap` gives a machine and those it runs programs of as well; `architectures` lists them. */
function planArchitectures(top: Json, { machine }: SeccompPlace, problems: string[]): Json {
  const own = ARCHITECTURES.get(machine)?.scmp;
  const map = asList(top["archMap"], "archMap", problems).map((entry) => asObject(entry, "archMap", problems));
  const listed = asList(top["architectures"], "architectures", problems);
  if (map.length > 0 && listed.length > 0) problems.push("both archMap and architectures");
  const found = map.find((entry) => entry["architecture"] === own);
  const all = found === undefined ? listed : [own, ...asList(found["subArchitectures"], "subArchitectures", problems)];
  if (!all.every((name) => typeof name === "string" && /^SCMP_ARCH_[A-Z0-9_]+$/.test(name)))
    problems.push("architectures");
  return all.length === 0 ? {} : { architectures: all };
}

function number(fields: Json, name: string, at: string, problems: string[]): Json {
  const value = fields[name];
  if (value === undefined || value === null) return {};
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return { [name]: value };
  problems.push(`${at === "" ? "" : `${at}.`}${name} is not a number this program can keep exactly`);
  return {};
}

function asObject(value: unknown, at: string, problems: string[]): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  problems.push(`${at} is not an object`);
  return {};
}

function asList(value: unknown, at: string, problems: string[]): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  problems.push(`${at} is not a list`);
  return [];
}

function badProfile(state: string, cause?: unknown): PodError {
  return new PodError("pod/bad-option", `Cannot use seccomp profile: ${state}`, {
    hint: "give a profile in Docker's format, as /usr/share/containers/seccomp.json is one",
    ...(cause === undefined ? {} : { cause }),
  });
}
