import type { DocumentCheck, JsonObject } from "../document-check.ts";
import { readAbsolutePath, readBoolean, readInteger, readName } from "./identifier.ts";
import { type Isolator, readIsolators } from "./isolators.ts";
import type { NameValue } from "./name-values.ts";

/** A program that runs before the app starts or after it ended. */
export interface EventHandler {
  readonly name: "pre-start" | "post-stop";
  readonly exec: readonly string[];
}

/** A place where the app expects data from outside. */
export interface MountPoint {
  readonly name: string;
  readonly path: string;
  readonly readOnly: boolean;
}

/** Ports the app listens on: `count` of them from `port` on. */
export interface AppPort {
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
  readonly count: number;
  readonly socketActivated: boolean;
}

/** How an image is run. Spec: appc 0.8.11, aci.md "app". */
export interface AciApp {
  readonly exec: readonly string[];
  readonly user: string;
  readonly group: string;
  readonly supplementaryGids: readonly number[];
  readonly eventHandlers: readonly EventHandler[];
  /** "" when not given. */
  readonly workingDirectory: string;
  readonly environment: readonly NameValue[];
  readonly mountPoints: readonly MountPoint[];
  readonly ports: readonly AppPort[];
  readonly isolators: readonly Isolator[];
  readonly userAnnotations: Readonly<Record<string, string>>;
  readonly userLabels: Readonly<Record<string, string>>;
}

const MAX_ENTRIES = 4096;
const MAX_GID = 4_294_967_294;
const ENV_NAME = /^[A-Za-z_][A-Za-z_0-9.-]*$/;

/** The `app` section of an image or pod manifest. */
export function readApp(check: DocumentCheck, value: unknown, path: string): AciApp {
  const fields = check.object(value, path);
  return {
    exec: check.texts(fields["exec"], `${path}.exec`),
    user: readRequired(check, fields["user"], `${path}.user`),
    group: readRequired(check, fields["group"], `${path}.group`),
    supplementaryGids: readGids(check, fields, path),
    eventHandlers: readEventHandlers(check, fields["eventHandlers"], `${path}.eventHandlers`),
    workingDirectory: readWorkingDirectory(check, fields["workingDirectory"], `${path}.workingDirectory`),
    environment: readEnvironment(check, fields["environment"], `${path}.environment`),
    mountPoints: readMountPoints(check, fields["mountPoints"], `${path}.mountPoints`),
    ports: check
      .list(fields["ports"], `${path}.ports`, MAX_ENTRIES)
      .map((p, i) => readPort(check, p, `${path}.ports[${i}]`)),
    isolators: readIsolators(check, fields["isolators"], `${path}.isolators`),
    userAnnotations: check.textMap(fields["userAnnotations"], `${path}.userAnnotations`),
    userLabels: check.textMap(fields["userLabels"], `${path}.userLabels`),
  };
}

/** A port of an app, or of a pod's `podPort`. */
export function readPort(check: DocumentCheck, value: unknown, path: string): AppPort {
  const fields = check.object(value, path);
  const port = readInteger(check, { value: fields["port"], path: `${path}.port` }, { min: 1, max: 65535 });
  // Programs of the time wrote 0 for "not given".
  const given = readInteger(
    check,
    { value: fields["count"], path: `${path}.count` },
    { min: 0, max: 65535, fallback: 1 },
  );
  const count = given === 0 ? 1 : given;
  if (port + count > 65536) check.report(`${path}.count`, "the range ends above port 65535");
  return {
    name: readName(check, fields["name"], `${path}.name`),
    protocol: readRequired(check, fields["protocol"], `${path}.protocol`),
    port,
    count,
    socketActivated: readBoolean(check, fields["socketActivated"], `${path}.socketActivated`),
  };
}

function readRequired(check: DocumentCheck, value: unknown, path: string): string {
  const text = check.text(value, path);
  if (value === "") check.report(path, "missing");
  return text;
}

// The specification's text and its own example spell this field differently.
function readGids(check: DocumentCheck, fields: JsonObject, path: string): number[] {
  const { supplementaryGIDs: upper, supplementaryGids: lower } = fields;
  if (upper !== undefined && lower !== undefined)
    check.report(`${path}.supplementaryGids`, "is there in two spellings");
  const key = upper === undefined && lower !== undefined ? "supplementaryGids" : "supplementaryGIDs";
  return check
    .list(upper ?? lower, `${path}.${key}`, MAX_ENTRIES)
    .map((gid, i) => readInteger(check, { value: gid, path: `${path}.${key}[${i}]` }, { min: 0, max: MAX_GID }));
}

function readEventHandlers(check: DocumentCheck, value: unknown, path: string): EventHandler[] {
  const handlers: EventHandler[] = [];
  check.list(value, path, MAX_ENTRIES).forEach((entry, i) => {
    const fields = check.object(entry, `${path}[${i}]`);
    const name = check.text(fields["name"], `${path}[${i}].name`);
    const exec = check.texts(fields["exec"], `${path}[${i}].exec`);
    if (exec.length === 0) check.report(`${path}[${i}].exec`, "empty");
    if (name !== "pre-start" && name !== "post-stop") check.report(`${path}[${i}].name`, "not pre-start or post-stop");
    else if (handlers.some((one) => one.name === name)) check.report(`${path}[${i}].name`, `"${name}" is there twice`);
    else handlers.push({ name, exec });
  });
  return handlers;
}

function readWorkingDirectory(check: DocumentCheck, value: unknown, path: string): string {
  if (value === undefined || value === null || value === "") return "";
  return readAbsolutePath(check, value, path);
}

function readEnvironment(check: DocumentCheck, value: unknown, path: string): NameValue[] {
  const seen = new Set<string>();
  return check.list(value, path, MAX_ENTRIES).map((entry, i) => {
    const fields = check.object(entry, `${path}[${i}]`);
    const name = check.text(fields["name"], `${path}[${i}].name`);
    if (typeof fields["name"] === "string" && !ENV_NAME.test(name))
      check.report(`${path}[${i}].name`, "not the name of a variable (letters, digits, _ . -)");
    if (name !== "" && seen.has(name)) check.report(`${path}[${i}].name`, `"${name.slice(0, 100)}" is there twice`);
    seen.add(name);
    return { name, value: check.text(fields["value"], `${path}[${i}].value`) };
  });
}

function readMountPoints(check: DocumentCheck, value: unknown, path: string): MountPoint[] {
  return check.list(value, path, MAX_ENTRIES).map((entry, i) => {
    const fields = check.object(entry, `${path}[${i}]`);
    return {
      name: readName(check, fields["name"], `${path}[${i}].name`),
      path: readAbsolutePath(check, fields["path"], `${path}[${i}].path`),
      readOnly: readBoolean(check, fields["readOnly"], `${path}[${i}].readOnly`),
    };
  });
}
