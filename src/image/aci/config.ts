import { canonicalJson } from "../../base/json.ts";
import type { Digest } from "../digest.ts";
import { encodeConfig } from "../encode-document.ts";
import { ImageError } from "../errors.ts";
import type { ExposedPort, ImageConfig } from "../image-config.ts";
import type { AciApp } from "./app.ts";
import { type AciManifest, parseAciManifest } from "./manifest.ts";
import { findValue, type NameValue } from "./name-values.ts";
import { platformOfLabels } from "./platform.ts";

/**
 * Config label with the appc manifest an image was made from, byte for byte; long ones go on in `….1`, `….2`, …. A label,
 * because everything else of a manifest gets lost on the way through a Docker archive.
 */
export const MANIFEST_LABEL = "dev.gantry.appc.manifest";
/** Config label with the diffID of the layer that holds the image's own files; layers below it are its dependencies. */
export const ROOTFS_LABEL = "dev.gantry.appc.rootfs";

const LABEL_CHARS = 48 * 1024;
const MAX_PIECES = 128;
const MAX_PORTS = 100;

/** appc annotations that have a well-known counterpart. Spec: OCI image-spec v1.1.0, annotations.md. */
const ANNOTATIONS: readonly (readonly [appc: string, oci: string])[] = [
  ["authors", "org.opencontainers.image.authors"],
  ["homepage", "org.opencontainers.image.url"],
  ["documentation", "org.opencontainers.image.documentation"],
];

/**
 * The config an App Container Image has as OCI image. Pure: the same manifest and layers always give the same config.
 * What OCI has no place for stays in the label with the manifest.
 */
export function configOfManifest(manifest: AciManifest, diffIds: readonly Digest[]): ImageConfig {
  const { app } = manifest;
  const created = findValue(manifest.annotations, "created");
  const own = diffIds.at(-1);
  return {
    platform: platformOfLabels(manifest.labels),
    diffIds,
    ...splitExec(manifest),
    env: app?.environment.map(({ name, value }) => `${name}=${value}`) ?? [],
    user: app === undefined ? "" : `${app.user}:${app.group}`,
    workingDir: app === undefined || app.workingDirectory === "" ? "/" : app.workingDirectory,
    volumes: [...new Set(app?.mountPoints.map(({ path }) => path) ?? [])].sort(),
    exposedPorts: app === undefined ? [] : portsOf(app),
    labels: { ...labelsOf(manifest), ...(own === undefined ? {} : { [ROOTFS_LABEL]: own }) },
    stopSignal: "",
    ...(created === undefined ? {} : { createdAt: created }),
  };
}

/** The appc manifest in the labels of a config; undefined when there is none, or none that can be read. */
export function manifestOfLabels(labels: Readonly<Record<string, string>>): AciManifest | undefined {
  let text = labels[MANIFEST_LABEL];
  if (text === undefined) return undefined;
  for (let i = 1; i < MAX_PIECES; i++) text += labels[`${MANIFEST_LABEL}.${i}`] ?? "";
  try {
    return parseAciManifest(new TextEncoder().encode(text));
  } catch (reason) {
    // Anybody can write labels: what is no manifest says nothing.
    if (reason instanceof ImageError) return undefined;
    throw reason;
  }
}

/**
 * The appc manifest an image was converted from, when the image still is what that conversion made: same config, own
 * files on top. Undefined for every other image, also for one that was built on top of such an image.
 */
export function manifestOfConfig(config: ImageConfig): AciManifest | undefined {
  const manifest = manifestOfLabels(config.labels);
  if (manifest === undefined || config.labels[ROOTFS_LABEL] !== config.diffIds.at(-1)) return undefined;
  const expected = encodeConfig(configOfManifest(manifest, config.diffIds));
  return Buffer.from(expected).equals(encodeConfig(config)) ? manifest : undefined;
}

/** Docker's two halves of a command line, when an annotation of the tools of the time still tells them apart. */
function splitExec({ app, annotations }: AciManifest): Pick<ImageConfig, "entrypoint" | "cmd"> {
  const exec = app?.exec ?? [];
  const entrypoint = textsOf(findValue(annotations, "appc.io/docker/entrypoint"));
  const cmd = textsOf(findValue(annotations, "appc.io/docker/cmd"));
  const isWhole = canonicalJson([...entrypoint, ...cmd]) === canonicalJson(exec);
  return isWhole ? { entrypoint, cmd } : { entrypoint: exec, cmd: [] };
}

function textsOf(json: string | undefined): string[] {
  try {
    const value: unknown = JSON.parse(json ?? "[]");
    return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
  } catch {
    return []; // somebody else's annotation: no help, no harm
  }
}

function portsOf({ ports }: AciApp): ExposedPort[] {
  const list: ExposedPort[] = [];
  for (const { port, count, protocol } of ports) {
    if (protocol !== "tcp" && protocol !== "udp" && protocol !== "sctp") continue;
    // A long range is known by its manifest only: the config would have to name each port.
    if (list.length + count > MAX_PORTS) continue;
    for (let i = 0; i < count; i++) list.push({ port: port + i, protocol });
  }
  return [...new Map(list.map((one) => [`${one.port}/${one.protocol}`, one])).values()];
}

function labelsOf({ raw, labels, annotations, app }: AciManifest): Record<string, string> {
  const version = findValue(labels, "version");
  const known = ANNOTATIONS.flatMap(([appc, oci]): NameValue[] => {
    const value = findValue(annotations, appc);
    return value === undefined ? [] : [{ name: oci, value }];
  });
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(raw);
  const pieces: Record<string, string> = {};
  for (let i = 0; i * LABEL_CHARS < Math.max(1, text.length); i++)
    pieces[i === 0 ? MANIFEST_LABEL : `${MANIFEST_LABEL}.${i}`] = text.slice(i * LABEL_CHARS, (i + 1) * LABEL_CHARS);
  return {
    ...app?.userLabels,
    ...Object.fromEntries(known.map(({ name, value }) => [name, value])),
    ...(version === undefined ? {} : { "org.opencontainers.image.version": version }),
    ...pieces,
  };
}
