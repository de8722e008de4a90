import { BaseError } from "../../../base/base-error.ts";
import { formatReason } from "../../../base/errors.ts";
import { parseJsonStrict } from "../../../base/json.ts";
import { Stage1Error } from "../../errors.ts";

/** A device node to make. */
export interface CdiNode {
  readonly path: string;
  readonly hostPath?: string;
  readonly permissions?: string;
  readonly fileMode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

/** A mount to make. */
export interface CdiMount {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly type?: string;
  readonly options: readonly string[];
}

/** A program to run at a point of the container's life. */
export interface CdiHook {
  readonly hookName: string;
  readonly path: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly timeout?: number;
}

/** What a device changes in a container. */
export interface CdiEdits {
  readonly env: readonly string[];
  readonly deviceNodes: readonly CdiNode[];
  readonly mounts: readonly CdiMount[];
  readonly hooks: readonly CdiHook[];
  readonly additionalGids: readonly number[];
}

/** One specification: a vendor's class of devices. */
export interface CdiSpec {
  readonly path: string;
  /** `vendor.com/class`. */
  readonly kind: string;
  readonly edits: CdiEdits;
  readonly devices: ReadonlyMap<string, CdiEdits>;
}

const LIMIT_BYTES = 4 * 1024 * 1024;
const KIND = /^[A-Za-z][A-Za-z0-9._-]*\/[A-Za-z][A-Za-z0-9._-]*$/;
const HOOKS = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

/**
 * Reads a specification, JSON or YAML by the name of its file. All problems are reported at once. Spec: CDI 0.8.0, SPEC.md
 * @throws {Stage1Error} "stage1/bad-cdi"
 */
export function parseCdi({ path, text }: { readonly path: string; readonly text: string }): CdiSpec {
  const problems: string[] = [];
  const read = new Reader(problems);
  const top = read.object(decode(path, text), "the document");
  const version = read.text(top, "cdiVersion");
  if (version !== undefined && !/^v?(0\.[3-8]|1\.\d+)\.\d+$/.test(version)) problems.push(`cdiVersion "${version}"`);
  const kind = read.text(top, "kind") ?? "";
  if (!KIND.test(kind)) problems.push(`kind "${kind}" is not vendor.com/class`);
  const edits = parseEdits(read, top["containerEdits"], "containerEdits");
  const devices = new Map<string, CdiEdits>();
  for (const [index, entry] of read.list(top, "devices").entries()) {
    const at = `devices[${index}]`;
    const device = read.object(entry, at);
    const name = typeof device["name"] === "number" ? String(device["name"]) : (read.text(device, "name") ?? "");
    if (!/^[A-Za-z0-9][A-Za-z0-9._:-]*$/.test(name)) problems.push(`${at}.name "${name}"`);
    if (devices.has(name)) problems.push(`${at}.name "${name}" a second time`);
    devices.set(name, parseEdits(read, device["containerEdits"], `${at}.containerEdits`));
  }
  if (problems.length === 0) return { path, kind, edits, devices };
  throw new Stage1Error(
    "stage1/bad-cdi",
    `Cannot use CDI specification "${path}": ${problems.slice(0, 8).join("; ")}`,
    {
      hint: "mend the file, or ask the vendor of the device for one",
      data: { path },
    },
  );
}

function decode(path: string, text: string): unknown {
  try {
    if (path.endsWith(".json")) return parseJsonStrict(text, { limitBytes: LIMIT_BYTES });
    return Bun.YAML.parse(text);
  } catch (reason) {
    const state = reason instanceof BaseError ? reason.message : formatReason(reason);
    throw new Stage1Error("stage1/bad-cdi", `Cannot read CDI specification "${path}": ${state}`, {
      hint: "mend the file, or ask the vendor of the device for one",
      data: { path },
      cause: reason,
    });
  }
}

function parseEdits(read: Reader, value: unknown, at: string): CdiEdits {
  const edits = value === undefined || value === null ? {} : read.object(value, at);
  for (const name of ["intelRdt", "netDevices"])
    if (edits[name] !== undefined) read.problems.push(`${at}.${name} is not supported`);
  return {
    env: read.texts(edits, "env"),
    deviceNodes: read.list(edits, "deviceNodes").map((entry) => parseNode(read, entry, `${at}.deviceNodes`)),
    mounts: read.list(edits, "mounts").map((entry) => parseMount(read, entry, `${at}.mounts`)),
    hooks: read.list(edits, "hooks").map((entry) => parseHook(read, entry, `${at}.hooks`)),
    additionalGids: read.list(edits, "additionalGids").map((gid) => read.number(gid, `${at}.additionalGids`) ?? 0),
  };
}

function parseNode(read: Reader, entry: unknown, at: string): CdiNode {
  const node = read.object(entry, at);
  const permissions = read.text(node, "permissions");
  if (permissions !== undefined && !/^[rwm]{1,3}$/.test(permissions)) read.problems.push(`${at}.permissions`);
  return {
    path: read.path(node, "path", at) ?? "",
    ...present("hostPath", node["hostPath"] === undefined ? undefined : read.path(node, "hostPath", at)),
    ...present("permissions", permissions),
    ...present("fileMode", read.number(node["fileMode"], `${at}.fileMode`)),
    ...present("uid", read.number(node["uid"], `${at}.uid`)),
    ...present("gid", read.number(node["gid"], `${at}.gid`)),
  };
}

function parseMount(read: Reader, entry: unknown, at: string): CdiMount {
  const mount = read.object(entry, at);
  const type = read.text(mount, "type");
  const isBind = type === undefined || type === "bind" || type === "";
  return {
    hostPath: (isBind ? read.path(mount, "hostPath", at) : read.text(mount, "hostPath")) ?? "",
    containerPath: read.path(mount, "containerPath", at) ?? "",
    ...present("type", type),
    options: read.texts(mount, "options"),
  };
}

function parseHook(read: Reader, entry: unknown, at: string): CdiHook {
  const hook = read.object(entry, at);
  const hookName = read.text(hook, "hookName") ?? "";
  if (!HOOKS.includes(hookName)) read.problems.push(`${at}.hookName "${hookName}"`);
  return {
    hookName,
    path: read.path(hook, "path", at) ?? "",
    args: read.texts(hook, "args"),
    env: read.texts(hook, "env"),
    ...present("timeout", read.number(hook["timeout"], `${at}.timeout`)),
  };
}

function present<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  const entry: { [P in K]?: V } = {};
  if (value !== undefined) entry[key] = value;
  return entry;
}

type Fields = Readonly<Record<string, unknown>>;

/** Takes values out of a document and writes down what is not as it should be. */
class Reader {
  readonly problems: string[];

  constructor(problems: string[]) {
    this.problems = problems;
  }

  object(value: unknown, at: string): Fields {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
    this.problems.push(`${at} is not an object`);
    return {};
  }

  list(fields: Fields, name: string): readonly unknown[] {
    const value = fields[name];
    if (value === undefined || value === null) return [];
    if (Array.isArray(value)) return value;
    this.problems.push(`${name} is not a list`);
    return [];
  }

  text(fields: Fields, name: string): string | undefined {
    const value = fields[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value === "string" && !value.includes("\0")) return value;
    this.problems.push(`${name} is not a text`);
    return undefined;
  }

  texts(fields: Fields, name: string): readonly string[] {
    return this.list(fields, name).flatMap((value) => {
      if (typeof value === "string" && !value.includes("\0")) return [value];
      this.problems.push(`${name} holds something that is not a text`);
      return [];
    });
  }

  path(fields: Fields, name: string, at: string): string | undefined {
    const value = this.text(fields, name);
    if (value?.startsWith("/") === true && !value.split("/").includes("..")) return value;
    this.problems.push(`${at}.${name} is not an absolute path`);
    return undefined;
  }

  number(value: unknown, at: string): number | undefined {
    if (value === undefined || value === null) return undefined;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    this.problems.push(`${at} is not a number`);
    return undefined;
  }
}
