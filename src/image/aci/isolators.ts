import type { DocumentCheck } from "../document-check.ts";
import { readBoolean, readIdentifier, readInteger } from "./identifier.ts";
import { type MilliQuantity, parseQuantity } from "./quantity.ts";

/** What an isolator of a known name asks for. */
export type IsolatorSetting =
  | {
      readonly kind: "resource";
      readonly resource: "memory" | "cpu" | "block-bandwidth" | "block-iops" | "network-bandwidth";
      readonly isDefault: boolean;
      readonly request?: MilliQuantity;
      readonly limit?: MilliQuantity;
    }
  | { readonly kind: "capabilities"; readonly mode: "retain" | "remove"; readonly set: readonly string[] }
  | {
      readonly kind: "seccomp";
      readonly mode: "retain" | "remove";
      readonly set: readonly string[];
      /** Name of the error blocked calls return; "" kills the process. */
      readonly errno: string;
    }
  | { readonly kind: "no-new-privileges"; readonly value: boolean }
  | { readonly kind: "oom-score-adj"; readonly value: number }
  | { readonly kind: "cpu-shares"; readonly value: number }
  | { readonly kind: "selinux-context" }
  | { readonly kind: "apparmor-profile" }
  | { readonly kind: "sysctl" }
  /** An isolator nobody defined: allowed, ignored, and told. */
  | { readonly kind: "unknown" };

/** One isolator of an app or pod. */
export interface Isolator {
  readonly name: string;
  readonly setting: IsolatorSetting;
}

type Reader = (check: DocumentCheck, value: unknown, path: string) => IsolatorSetting;

/** Spec: appc 0.8.11, ace.md "Linux Isolators", "Resource Isolators", "Unix Isolators". */
const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ["resource/memory", resource("memory")],
  ["resource/cpu", resource("cpu")],
  ["resource/block-bandwidth", resource("block-bandwidth")],
  ["resource/block-iops", resource("block-iops")],
  ["resource/network-bandwidth", resource("network-bandwidth")],
  ["os/linux/capabilities-retain-set", capabilities("retain")],
  ["os/linux/capabilities-remove-set", capabilities("remove")],
  ["os/linux/seccomp-retain-set", seccomp("retain")],
  ["os/linux/seccomp-remove-set", seccomp("remove")],
  [
    "os/linux/no-new-privileges",
    (check, value, path) => {
      if (value === null) check.report(path, "not true or false");
      return { kind: "no-new-privileges", value: readBoolean(check, value, path) };
    },
  ],
  [
    "os/linux/oom-score-adj",
    (check, value, path) => ({
      kind: "oom-score-adj",
      value: readInteger(check, { value, path }, { min: -1000, max: 1000 }),
    }),
  ],
  [
    "os/linux/cpu-shares",
    (check, value, path) => ({
      kind: "cpu-shares",
      value: readInteger(check, { value, path }, { min: 2, max: 262144 }),
    }),
  ],
  ["os/linux/selinux-context", readSelinux],
  ["os/linux/apparmor-profile", readApparmor],
  [
    "os/unix/sysctl",
    (check, value, path) => {
      if (value === null) check.report(path, "not an object");
      check.textMap(value, path);
      return { kind: "sysctl" };
    },
  ],
]);

const SINGLE: ReadonlySet<string> = new Set([
  "os/linux/seccomp-retain-set",
  "os/linux/seccomp-remove-set",
  "os/linux/cpu-shares",
  "os/linux/oom-score-adj",
  "os/linux/selinux-context",
  "os/linux/apparmor-profile",
  "os/unix/sysctl",
]);
const CONFLICTS = [
  ["os/linux/seccomp-retain-set", "os/linux/seccomp-remove-set"],
  ["os/linux/capabilities-retain-set", "os/linux/capabilities-remove-set"],
] as const;
const MAX_ISOLATORS = 1024;

/** Isolators of an app or pod: known ones checked, unknown ones kept, impossible combinations refused. */
export function readIsolators(check: DocumentCheck, value: unknown, path: string): Isolator[] {
  const seen = new Map<string, number>();
  return check.list(value, path, MAX_ISOLATORS).map((entry, i) => {
    const at = `${path}[${i}]`;
    const fields = check.object(entry, at);
    const name = readIdentifier(check, fields["name"], `${at}.name`);
    if (fields["value"] === undefined) check.report(`${at}.value`, "missing");
    if (SINGLE.has(name) && seen.has(name)) check.report(`${at}.name`, `"${name}" is there twice`);
    for (const pair of CONFLICTS) {
      const other = pair[0] === name ? pair[1] : pair[1] === name ? pair[0] : undefined;
      if (other !== undefined && seen.has(other)) check.report(`${at}.name`, `"${name}" conflicts with "${other}"`);
    }
    seen.set(name, i);
    const read = READERS.get(name);
    const setting: IsolatorSetting =
      read === undefined || fields["value"] === undefined
        ? { kind: "unknown" }
        : read(check, fields["value"], `${at}.value`);
    return { name, setting };
  });
}

function resource(kind: Extract<IsolatorSetting, { kind: "resource" }>["resource"]): Reader {
  // Bandwidths are limits for what has no limit of its own: they have only that form.
  const isShared = kind !== "memory" && kind !== "cpu";
  return (check, value, path) => {
    const fields = check.object(value, path);
    const isDefault = readBoolean(check, fields["default"], `${path}.default`);
    if (isDefault !== isShared) check.report(`${path}.default`, isShared ? "must be true" : "must be false");
    const request = readQuantity(check, fields["request"], `${path}.request`);
    if (isShared && request !== undefined) check.report(`${path}.request`, "not supported by this resource");
    const limit = readQuantity(check, fields["limit"], `${path}.limit`);
    return {
      kind: "resource",
      resource: kind,
      isDefault,
      ...(request === undefined ? {} : { request }),
      ...(limit === undefined ? {} : { limit }),
    };
  };
}

function readQuantity(check: DocumentCheck, value: unknown, path: string): MilliQuantity | undefined {
  if (value === undefined || value === null) return undefined;
  const quantity = typeof value === "string" || typeof value === "number" ? parseQuantity(String(value)) : undefined;
  if (quantity === undefined) check.report(path, "not a quantity such as 500m, 2G or 64Mi");
  return quantity;
}

function readSet(check: DocumentCheck, value: unknown, path: string): string[] {
  const fields = check.object(value, path);
  const set = check.texts(fields["set"], `${path}.set`);
  if (set.length === 0) check.report(`${path}.set`, "empty");
  return set;
}

function capabilities(mode: "retain" | "remove"): Reader {
  return (check, value, path) => {
    const set = readSet(check, value, path);
    set.forEach((name, i) => {
      if (!/^CAP_[A-Z0-9_]{2,40}$/.test(name)) check.report(`${path}.set[${i}]`, "not the name of a capability");
    });
    return { kind: "capabilities", mode, set };
  };
}

function seccomp(mode: "retain" | "remove"): Reader {
  return (check, value, path) => {
    const set = readSet(check, value, path);
    set.forEach((name, i) => {
      if (!/^(@[a-z0-9.-]+(\/[a-z0-9_-]+)*|[a-zA-Z0-9_]+)$/.test(name))
        check.report(`${path}.set[${i}]`, "not the name of a system call or set");
    });
    const errno = check.text(check.object(value, path)["errno"], `${path}.errno`, "");
    if (errno !== "" && !/^E[A-Z0-9]+$/.test(errno)) check.report(`${path}.errno`, "not the name of an error code");
    return { kind: "seccomp", mode, set, errno };
  };
}

function readSelinux(check: DocumentCheck, value: unknown, path: string): IsolatorSetting {
  const fields = check.object(value, path);
  for (const part of ["user", "role", "type", "level"]) {
    const text = check.text(fields[part], `${path}.${part}`);
    const isBad = text === "" || (part !== "level" && text.includes(":"));
    if (isBad && typeof fields[part] === "string") check.report(`${path}.${part}`, "empty or with a colon");
  }
  return { kind: "selinux-context" };
}

function readApparmor(check: DocumentCheck, value: unknown, path: string): IsolatorSetting {
  if (check.text(check.object(value, path)["profile"], `${path}.profile`) === "")
    check.report(`${path}.profile`, "empty");
  return { kind: "apparmor-profile" };
}
