import { CNI_VERSIONS, type CniVersion, parseCniVersion } from "./cni-version.ts";
import { decodeJson, isJsonObject, type JsonObject } from "./decode-json.ts";
import { NetworkError } from "./errors.ts";

/** Largest configuration accepted, in bytes. */
export const CONFIG_LIMIT_BYTES = 1024 * 1024;
const MAX_PLUGINS = 32;

/** One plugin of a network's chain. */
export interface PluginConfig {
  /** Name of the executable; never contains a slash. */
  readonly type: string;
  /** Capabilities the plugin declares to understand, e.g. `portMappings`. */
  readonly capabilities: ReadonlySet<string>;
  /** Executable of the address management plugin it delegates to. */
  readonly ipamType?: string;
  /** The whole object as written, unknown members included. */
  readonly fields: JsonObject;
}

/** A network: its name and the chain of plugins that join a pod to it. */
export interface NetworkConfig {
  readonly name: string;
  /** The newest version both the configuration and this runtime speak. */
  readonly cniVersion: CniVersion;
  readonly disableCheck: boolean;
  readonly disableGC: boolean;
  readonly loadOnlyInlinedPlugins: boolean;
  readonly plugins: readonly PluginConfig[];
  /** The document itself: what attachments keep, so that DEL sees what ADD saw. */
  readonly text: string;
  /** File it came from, or `built-in`. */
  readonly source: string;
}

/**
 * Reads a network from the bytes of a `.conf`, `.json` or `.conflist` file; which of the two forms it is, is told by `plugins`.
 * All problems of the document are reported at once, each with its field path. An empty chain is accepted only while plugins
 * may still come from a folder.
 * @throws {NetworkError} "network/bad-config"; `data.problems` lists `{ field, reason }`, `data.name` the network if readable.
 * Spec: CNI 1.1.0, "Section 1: Network configuration format".
 */
export function parseNetworkConfig(bytes: Uint8Array, source: string): NetworkConfig {
  const { text, root } = decodeDocument(bytes, source);
  const problems = new Problems();
  const isList = "plugins" in root;
  const name = readName(root, problems);
  const config: NetworkConfig = {
    name,
    cniVersion: readVersion(root, problems),
    disableCheck: problems.flag(root, "disableCheck"),
    disableGC: problems.flag(root, "disableGC"),
    loadOnlyInlinedPlugins: !isList || problems.flag(root, "loadOnlyInlinedPlugins"),
    plugins: isList ? readPlugins(root["plugins"], problems) : [readPlugin(root, "", problems)],
    text,
    source,
  };
  if (config.plugins.length === 0 && config.loadOnlyInlinedPlugins) problems.add("plugins", "is empty");
  if (problems.found.length > 0) throw badConfig(source, problems.found, name);
  return config;
}

/**
 * The same network with plugins from its folder appended to the chain. The document is written anew (members and number
 * literals kept) because attachments store one document.
 * @throws {NetworkError} "network/bad-config"
 */
export function appendPlugins(config: NetworkConfig, documents: readonly JsonObject[]): NetworkConfig {
  const root = decodeJson(config.text) as JsonObject;
  const inlined = root["plugins"] as readonly unknown[];
  const text = JSON.stringify({ ...root, plugins: [...inlined, ...documents], loadOnlyInlinedPlugins: true });
  return parseNetworkConfig(new TextEncoder().encode(text), config.source);
}

/** A "network/bad-config" that names the file and every field at fault. */
export function badConfig(
  source: string,
  problems: readonly ConfigProblem[],
  name?: string,
  cause?: unknown,
): NetworkError {
  const list = problems.map(({ field, reason }) => (field === "" ? reason : `${field} ${reason}`)).join("; ");
  return new NetworkError("network/bad-config", `Cannot read network configuration "${source}": ${list}`, {
    hint: "correct the file, then run gantry net check",
    data: { file: source, problems, ...(name ? { name } : {}) },
    cause,
  });
}

/** One thing wrong with a document; `field` is a path such as `plugins[1].type`, "" for the document itself. */
export interface ConfigProblem {
  readonly field: string;
  readonly reason: string;
}

class Problems {
  readonly found: ConfigProblem[] = [];

  add(field: string, reason: string): void {
    this.found.push({ field, reason });
  }

  /** Old configurations write flags as strings. */
  flag(object: JsonObject, field: string): boolean {
    const value = object[field] ?? false;
    if (typeof value === "boolean") return value;
    if (value === "true" || value === "false") return value === "true";
    this.add(field, "is not true or false");
    return false;
  }
}

/** Decodes a bounded UTF-8 JSON object. @throws {NetworkError} "network/bad-config" */
export function decodeDocument(
  bytes: Uint8Array,
  source: string,
): { readonly text: string; readonly root: JsonObject } {
  if (bytes.byteLength > CONFIG_LIMIT_BYTES) {
    throw badConfig(source, [{ field: "", reason: `has more than ${CONFIG_LIMIT_BYTES} bytes` }]);
  }
  let root: unknown;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    root = decodeJson(text);
  } catch (reason) {
    throw badConfig(source, [{ field: "", reason: "is not JSON in UTF-8" }], undefined, reason);
  }
  if (!isJsonObject(root)) throw badConfig(source, [{ field: "", reason: "is not a JSON object" }]);
  return { text, root };
}

function readName(root: JsonObject, problems: Problems): string {
  const name = root["name"];
  if (typeof name === "string" && /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/.test(name)) {
    if (name !== "none" && name !== "host") return name;
    problems.add("name", `"${name}" is reserved`);
  } else {
    problems.add("name", "must start with a letter or digit and go on with letters, digits, _ . - (128 at most)");
  }
  return "";
}

function readVersion(root: JsonObject, problems: Problems): CniVersion {
  const single = root["cniVersion"] ?? "0.1.0";
  const several = root["cniVersions"] ?? [];
  if (typeof single !== "string") problems.add("cniVersion", "is not a string");
  if (!Array.isArray(several) || several.some((one) => typeof one !== "string"))
    problems.add("cniVersions", "is not a list of strings");
  const asked = new Set<unknown>([single, ...(Array.isArray(several) ? several : [])]);
  const best = CNI_VERSIONS.findLast((version) => asked.has(version));
  if (best === undefined) problems.add("cniVersion", `names none of ${CNI_VERSIONS.join(", ")}`);
  return best ?? parseCniVersion("0.1.0") ?? "0.1.0";
}

function readPlugins(value: unknown, problems: Problems): PluginConfig[] {
  if (!Array.isArray(value) || value.length > MAX_PLUGINS) {
    problems.add("plugins", `is not a list of at most ${MAX_PLUGINS} plugins`);
    return [];
  }
  return value.map((one, index) => {
    if (isJsonObject(one)) return readPlugin(one, `plugins[${index}].`, problems);
    problems.add(`plugins[${index}]`, "is not an object");
    return { type: "", capabilities: new Set<string>(), fields: {} };
  });
}

function readPlugin(fields: JsonObject, at: string, problems: Problems): PluginConfig {
  const type = readProgramName(fields["type"], `${at}type`, problems);
  const declared = fields["capabilities"] ?? {};
  if (!isJsonObject(declared)) problems.add(`${at}capabilities`, "is not an object");
  const on = Object.entries(isJsonObject(declared) ? declared : {}).filter(([, value]) => value === true);
  const capabilities = new Set(on.map(([name]) => name));
  const ipam = fields["ipam"];
  if (ipam !== undefined && ipam !== null && !isJsonObject(ipam)) problems.add(`${at}ipam`, "is not an object");
  if (!isJsonObject(ipam) || ipam["type"] === undefined) return { type, capabilities, fields };
  return { type, capabilities, fields, ipamType: readProgramName(ipam["type"], `${at}ipam.type`, problems) };
}

/** Plugins run as root: a name with a slash could reach any program of the host. */
function readProgramName(value: unknown, field: string, problems: Problems): string {
  if (typeof value === "string" && /^[a-zA-Z0-9_][a-zA-Z0-9_.+-]{0,127}$/.test(value)) return value;
  problems.add(field, value === undefined ? "is missing" : "is not a plain program name");
  return "";
}
