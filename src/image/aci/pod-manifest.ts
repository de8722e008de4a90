import { decodeDocument } from "../decode-document.ts";
import type { Digest } from "../digest.ts";
import { DocumentCheck } from "../document-check.ts";
import { type AciApp, type AppPort, readApp, readPort } from "./app.ts";
import {
  readAbsolutePath,
  readBoolean,
  readIdentifier,
  readImageId,
  readInteger,
  readName,
  readVersion,
} from "./identifier.ts";
import { type Isolator, readIsolators } from "./isolators.ts";
import { type NameValue, readAnnotations, readLabels } from "./name-values.ts";

/** Decimal octets. A pattern of its own: loading node:net for this would cost every start some milliseconds. */
const OCTET = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = new RegExp(`^${OCTET}(\\.${OCTET}){3}$`);

/** A volume of a pod. */
export type AciVolume =
  | {
      readonly kind: "host";
      readonly name: string;
      readonly source: string;
      readonly readOnly: boolean;
      readonly recursive: boolean;
    }
  | {
      readonly kind: "empty";
      readonly name: string;
      readonly readOnly: boolean;
      readonly modeOctal: number;
      readonly uid: number;
      readonly gid: number;
    };

/** Where an app of a pod sees a volume. */
export interface AciMount {
  readonly volume: string;
  readonly path: string;
  readonly appVolume?: AciVolume;
}

/** One app of a pod manifest. */
export interface RuntimeApp {
  readonly name: string;
  readonly image: { readonly id: Digest; readonly name?: string; readonly labels: readonly NameValue[] };
  /** Replaces the image's whole `app` section. */
  readonly app?: AciApp;
  readonly readOnlyRootFs: boolean;
  readonly mounts: readonly AciMount[];
  readonly annotations: readonly NameValue[];
}

/** A port of an app led out to the host. */
export interface AciExposedPort {
  readonly name: string;
  readonly hostPort: number;
  /** "" means every address. */
  readonly hostIp: string;
  readonly podPort?: AppPort;
}

/** A pod manifest. Spec: appc 0.8.11, pods.md "Pod Manifest Schema". */
export interface AciPodManifest {
  readonly raw: Uint8Array;
  readonly acVersion: string;
  readonly apps: readonly RuntimeApp[];
  readonly volumes: readonly AciVolume[];
  readonly isolators: readonly Isolator[];
  readonly annotations: readonly NameValue[];
  readonly ports: readonly AciExposedPort[];
  readonly userAnnotations: Readonly<Record<string, string>>;
  readonly userLabels: Readonly<Record<string, string>>;
}

const MAX_ENTRIES = 4096;
const MAX_ID = 4_294_967_293;

/**
 * Parses an appc pod manifest.
 * @throws {ImageError} "image/bad-manifest" naming every bad field, "image/too-large".
 */
export function parseAciPodManifest(raw: Uint8Array): AciPodManifest {
  const check = new DocumentCheck("image/bad-manifest", "appc pod manifest");
  const fields = check.object(decodeDocument(raw, "image/bad-manifest", "appc pod manifest"), "");
  if (fields["acKind"] !== "PodManifest") check.report("acKind", 'not "PodManifest"');
  if (!Array.isArray(fields["apps"]) || fields["apps"].length === 0) check.report("apps", "missing or empty");
  const list = (key: string): readonly unknown[] => check.list(fields[key], key, MAX_ENTRIES);
  const apps = Array.isArray(fields["apps"]) ? list("apps") : [];
  const manifest: AciPodManifest = {
    raw,
    acVersion: readVersion(check, fields["acVersion"], "acVersion"),
    apps: apps.map((app, i) => readRuntimeApp(check, app, `apps[${i}]`)),
    volumes: list("volumes").map((volume, i) => readVolume(check, volume, `volumes[${i}]`)),
    isolators: readIsolators(check, fields["isolators"], "isolators"),
    annotations: readAnnotations(check, fields["annotations"], "annotations"),
    ports: list("ports").map((port, i) => readExposedPort(check, port, `ports[${i}]`)),
    userAnnotations: check.textMap(fields["userAnnotations"], "userAnnotations"),
    userLabels: check.textMap(fields["userLabels"], "userLabels"),
  };
  reportTwins(check, manifest.apps, "apps");
  reportTwins(check, manifest.volumes, "volumes");
  check.finish();
  return manifest;
}

function readRuntimeApp(check: DocumentCheck, value: unknown, path: string): RuntimeApp {
  const fields = check.object(value, path);
  const image = check.object(fields["image"], `${path}.image`);
  const { app } = fields;
  const imageName = image["name"];
  return {
    name: readName(check, fields["name"], `${path}.name`),
    image: {
      id: readImageId(check, image["id"], `${path}.image.id`),
      ...(imageName === undefined || imageName === null
        ? {}
        : { name: readIdentifier(check, imageName, `${path}.image.name`) }),
      labels: readLabels(check, image["labels"], `${path}.image.labels`),
    },
    ...(app === undefined || app === null ? {} : { app: readApp(check, app, `${path}.app`) }),
    readOnlyRootFs: readBoolean(check, fields["readOnlyRootFS"], `${path}.readOnlyRootFS`),
    mounts: check
      .list(fields["mounts"], `${path}.mounts`, MAX_ENTRIES)
      .map((mount, i) => readMount(check, mount, `${path}.mounts[${i}]`)),
    annotations: readAnnotations(check, fields["annotations"], `${path}.annotations`),
  };
}

function readMount(check: DocumentCheck, value: unknown, path: string): AciMount {
  const fields = check.object(value, path);
  const own = fields["appVolume"];
  return {
    volume: readName(check, fields["volume"], `${path}.volume`),
    path: readAbsolutePath(check, fields["path"], `${path}.path`),
    ...(own === undefined || own === null ? {} : { appVolume: readVolume(check, own, `${path}.appVolume`) }),
  };
}

function readVolume(check: DocumentCheck, value: unknown, path: string): AciVolume {
  const fields = check.object(value, path);
  const name = readName(check, fields["name"], `${path}.name`);
  const readOnly = readBoolean(check, fields["readOnly"], `${path}.readOnly`);
  const isEmpty = fields["kind"] === "empty";
  if (!isEmpty && fields["kind"] !== "host") check.report(`${path}.kind`, 'not "host" or "empty"');
  for (const alien of isEmpty ? ["source"] : ["mode", "uid", "gid"]) {
    if (fields[alien] !== undefined && fields[alien] !== null && fields[alien] !== "")
      check.report(`${path}.${alien}`, `does not belong in a volume of kind ${isEmpty ? "empty" : "host"}`);
  }
  if (!isEmpty) {
    const source = readAbsolutePath(check, fields["source"], `${path}.source`);
    return {
      kind: "host",
      name,
      source,
      readOnly,
      recursive: readBoolean(check, fields["recursive"], `${path}.recursive`, true),
    };
  }
  const mode = check.text(fields["mode"], `${path}.mode`, "0755");
  if (!/^[0-7]{1,5}$/.test(mode)) check.report(`${path}.mode`, 'not an octal mode such as "0755"');
  const id = (key: "uid" | "gid"): number =>
    readInteger(check, { value: fields[key], path: `${path}.${key}` }, { min: 0, max: MAX_ID, fallback: 0 });
  return {
    kind: "empty",
    name,
    readOnly,
    modeOctal: Number.parseInt(mode, 8) & 0o7777,
    uid: id("uid"),
    gid: id("gid"),
  };
}

function readExposedPort(check: DocumentCheck, value: unknown, path: string): AciExposedPort {
  const fields = check.object(value, path);
  const hostIp = check.text(fields["hostIP"], `${path}.hostIP`, "");
  if (hostIp !== "" && !IPV4.test(hostIp)) check.report(`${path}.hostIP`, "not an IPv4 address");
  const own = fields["podPort"];
  return {
    name: readName(check, fields["name"], `${path}.name`),
    hostPort: readInteger(check, { value: fields["hostPort"], path: `${path}.hostPort` }, { min: 1, max: 65535 }),
    hostIp,
    ...(own === undefined || own === null ? {} : { podPort: readPort(check, own, `${path}.podPort`) }),
  };
}

function reportTwins(check: DocumentCheck, list: readonly { readonly name: string }[], path: string): void {
  const seen = new Set<string>();
  list.forEach(({ name }, i) => {
    if (name !== "" && seen.has(name)) check.report(`${path}[${i}].name`, `"${name.slice(0, 100)}" is there twice`);
    seen.add(name);
  });
}
