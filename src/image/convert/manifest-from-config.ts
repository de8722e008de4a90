import { isAcIdentifier, isTimestamp } from "../aci/identifier.ts";
import { AC_VERSION, type AciManifest, parseAciManifest } from "../aci/manifest.ts";
import { findValue, type NameValue } from "../aci/name-values.ts";
import { labelsOfPlatform } from "../aci/platform.ts";
import { type Digest, digestOf } from "../digest.ts";
import { ImageError } from "../errors.ts";
import type { ImageConfig } from "../image-config.ts";
import { parseConfig } from "../parse-config.ts";
import type { AciName } from "./aci-name.ts";
import { configOver, configText, layerFreeConfig } from "./oci-config.ts";

/** Annotation of an App Container Image with the OCI config it was made from, without what depends on layers. */
export const OCI_CONFIG_ANNOTATION = "dev.gantry/oci-config";

const MAX_ANNOTATION_CHARS = 48 * 1024;

/**
 * The appc manifest of an OCI or Docker image. Pure: the same config and name give the same bytes.
 * @throws {ImageError} "image/no-counterpart" for a platform appc has no word for; "image/bad-config"; "image/bad-reference"
 */
export function manifestFromConfig(raw: Uint8Array, wanted: AciName = {}): AciManifest {
  const config = parseConfig(raw);
  const layerFree = layerFreeConfig(raw);
  // Without a name the config gives one: it stays the same when the image comes back this way.
  const { name = `image-${digestOf(layerFree).slice(7, 19)}`, version } = wanted;
  assertIdentifier(name);
  const labels = [
    ...labelsOfPlatform(config.platform),
    ...(version === undefined ? [] : [{ name: "version", value: version }]),
  ];
  const document = {
    acKind: "ImageManifest",
    acVersion: AC_VERSION,
    name,
    labels,
    app: appOf(config),
    annotations: annotationsOf(raw, { config, layerFree }),
  };
  return parseAciManifest(new TextEncoder().encode(`${JSON.stringify(document, undefined, 2)}\n`));
}

/**
 * The OCI config an App Container Image was made from, over `diffIds`; undefined when the image was not made that way or
 * was changed since.
 */
export function configFromManifest(manifest: AciManifest, diffIds: readonly Digest[]): Uint8Array | undefined {
  const layerFree = findValue(manifest.annotations, OCI_CONFIG_ANNOTATION);
  if (layerFree === undefined || manifest.dependencies.length > 0) return undefined;
  try {
    const raw = configOver(layerFree, diffIds);
    const version = findValue(manifest.labels, "version");
    const name = { name: manifest.name, ...(version === undefined ? {} : { version }) };
    return Buffer.from(manifestFromConfig(raw, name).raw).equals(manifest.raw) ? raw : undefined;
  } catch (reason) {
    // Anybody can write annotations: what is no config says nothing.
    if (reason instanceof ImageError || reason instanceof SyntaxError) return undefined;
    throw reason;
  }
}

function assertIdentifier(name: string): void {
  if (isAcIdentifier(name)) return;
  throw new ImageError("image/bad-reference", `Cannot name an App Container Image "${name.slice(0, 100)}"`, {
    hint: "use lower-case letters and digits with single - . _ ~ / between them: --name example.com/app:1.2",
  });
}

function appOf(config: ImageConfig): Readonly<Record<string, unknown>> {
  const [user = "", group = ""] = config.user.split(":", 2);
  const exec = [...config.entrypoint, ...config.cmd];
  return {
    ...(exec.length === 0 ? {} : { exec }),
    // appc demands both. Which group a user belongs to only the image's files tell: as other converters do, root's.
    user: user === "" ? "0" : user,
    group: group === "" ? "0" : group,
    ...(config.workingDir === "/" ? {} : { workingDirectory: config.workingDir }),
    ...nonEmpty("environment", environmentOf(config)),
    ...nonEmpty("mountPoints", mountPointsOf(config)),
    ...nonEmpty("ports", portsOf(config)),
    ...(Object.keys(config.labels).length === 0 ? {} : { userLabels: sorted(config.labels) }),
  };
}

/** appc knows each variable once, and only names a shell could use; the last value of a name is the one that counts. */
function environmentOf({ env }: ImageConfig): NameValue[] {
  const values = new Map<string, string>();
  for (const entry of env) {
    const equals = entry.indexOf("=");
    const name = entry.slice(0, equals);
    if (/^[A-Za-z_][A-Za-z_0-9.-]*$/.test(name)) values.set(name, entry.slice(equals + 1));
  }
  return [...values].map(([name, value]) => ({ name, value }));
}

function mountPointsOf({ volumes }: ImageConfig): readonly object[] {
  const taken = new Set<string>();
  return volumes
    .filter((path) => path.startsWith("/") && !path.split("/").includes(".."))
    .toSorted()
    .map((path) => {
      const stem = `volume-${path.toLowerCase().replace(/[^a-z0-9]+/g, "-")}`.replace(/-+/g, "-").replace(/-$/, "");
      let name = stem;
      for (let i = 2; taken.has(name); i++) name = `${stem}-${i}`;
      taken.add(name);
      return { name, path };
    });
}

function portsOf({ exposedPorts }: ImageConfig): readonly object[] {
  return exposedPorts
    .map(({ port, protocol }) => ({ name: `${port}-${protocol}`, protocol, port, count: 1, socketActivated: false }))
    .sort((a, b) => a.port - b.port || (a.name < b.name ? -1 : 1));
}

function annotationsOf(
  raw: Uint8Array,
  { config, layerFree }: { readonly config: ImageConfig; readonly layerFree: string },
): NameValue[] {
  const { labels, createdAt, entrypoint, cmd } = config;
  const author = labels["org.opencontainers.image.authors"] ?? configText(raw, "author");
  const url = (key: string): string | undefined => {
    const value = labels[`org.opencontainers.image.${key}`];
    return value !== undefined && /^https?:$/.test(URL.parse(value)?.protocol ?? "") ? value : undefined;
  };
  const list: readonly (readonly [name: string, value: string | undefined])[] = [
    ["created", createdAt !== undefined && isTimestamp(createdAt) ? createdAt : undefined],
    ["authors", author],
    ["homepage", url("url")],
    ["documentation", url("documentation")],
    ["appc.io/docker/entrypoint", entrypoint.length === 0 ? undefined : JSON.stringify(entrypoint)],
    ["appc.io/docker/cmd", cmd.length === 0 ? undefined : JSON.stringify(cmd)],
    // Longer than a manifest may have it: the image comes back from what the fields above say.
    [OCI_CONFIG_ANNOTATION, layerFree.length <= MAX_ANNOTATION_CHARS ? layerFree : undefined],
  ];
  return list.flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
}

function nonEmpty<K extends string>(key: K, list: readonly object[]): Readonly<Record<string, unknown>> {
  return list.length === 0 ? {} : { [key]: list };
}

function sorted(map: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}
