import { decodeJson, isJsonObject, type JsonObject } from "./decode-json.ts";
import { NetworkError } from "./errors.ts";

/** A network interface a plugin made or moved. */
export interface ResultInterface {
  readonly name: string;
  readonly mac?: string;
  /** Namespace path; undefined for an interface of the host. */
  readonly sandbox?: string;
}

/** An address of the pod. */
export interface ResultIp {
  /** With prefix length, e.g. `10.126.0.2/16`. */
  readonly address: string;
  readonly gateway?: string;
  /** Name of the interface that carries it, if told. */
  readonly interface?: string;
}

/** A route inside the pod. */
export interface ResultRoute {
  readonly dst: string;
  readonly gateway?: string;
}

/** What a network says about name resolution. */
export interface ResultDns {
  readonly nameservers: readonly string[];
  readonly domain?: string;
  readonly search: readonly string[];
  readonly options: readonly string[];
}

/** What joining a network gave, the same for every version of the protocol. */
export interface AttachmentResult {
  readonly interfaces: readonly ResultInterface[];
  readonly ips: readonly ResultIp[];
  readonly routes: readonly ResultRoute[];
  readonly dns: ResultDns;
  /** The plugin's answer itself, for `prevResult`. */
  readonly raw: string;
}

const MAX_ITEMS = 1024;

/**
 * Reads a plugin's answer to ADD: versions 0.1 and 0.2 (`ip4`, `ip6`), 0.3 to 0.4 (`ips` with a version) and 1.x. The form is
 * told by the members, because old plugins leave the version out.
 * @throws {NetworkError} "network/bad-result"
 * Spec: CNI 1.1.0, "Section 5: Result Types"; CNI 0.2.0, "Result".
 */
export function parseResult(raw: string, plugin: string): AttachmentResult {
  const reader = new ResultReader(plugin);
  const root = reader.decode(raw);
  const dns = reader.dns(root["dns"]);
  if ("ip4" in root || "ip6" in root) return { ...reader.oldFamilies(root), interfaces: [], dns, raw };
  const interfaces = reader.list(root, "interfaces").map((one) => ({
    name: reader.text(one, "name"),
    ...reader.optional(one, "mac"),
    ...reader.optional(one, "sandbox"),
  }));
  const ips = reader.list(root, "ips").map((one) => reader.ip(one, interfaces));
  const routes = reader.list(root, "routes").map((one) => reader.route(one));
  return { interfaces, ips, routes, dns, raw };
}

class ResultReader {
  private readonly plugin: string;

  constructor(plugin: string) {
    this.plugin = plugin;
  }

  fail(reason: string, cause?: unknown): NetworkError {
    return new NetworkError(
      "network/bad-result",
      `Cannot use the answer of network plugin "${this.plugin}": ${reason}`,
      {
        hint: "check that the plugin speaks the cniVersion of the network: gantry net check",
        cause,
      },
    );
  }

  decode(raw: string): JsonObject {
    let value: unknown;
    try {
      value = decodeJson(raw);
    } catch (reason) {
      throw this.fail("it is not JSON", reason);
    }
    if (isJsonObject(value)) return value;
    throw this.fail("it is not a JSON object");
  }

  list(object: JsonObject, field: string): JsonObject[] {
    const value = object[field] ?? [];
    if (Array.isArray(value) && value.length <= MAX_ITEMS && value.every(isJsonObject)) return value;
    throw this.fail(`"${field}" is not a list of at most ${MAX_ITEMS} objects`);
  }

  text(object: JsonObject, field: string): string {
    const value = object[field];
    if (typeof value === "string" && value !== "") return value;
    throw this.fail(`"${field}" is not a text`);
  }

  optional<K extends string>(object: JsonObject, field: K): { readonly [key in K]?: string } {
    const value = object[field];
    if (value === undefined || value === null || value === "") return {};
    return { [field]: this.text(object, field) } as { readonly [key in K]?: string };
  }

  texts(object: JsonObject, field: string): string[] {
    const value = object[field] ?? [];
    if (Array.isArray(value) && value.length <= MAX_ITEMS && value.every((one) => typeof one === "string"))
      return value;
    throw this.fail(`"${field}" is not a list of texts`);
  }

  ip(object: JsonObject, interfaces: readonly ResultInterface[]): ResultIp {
    const index = object["interface"];
    const carrier = typeof index === "number" && index >= 0 ? interfaces[index] : undefined;
    if (typeof index === "number" && index >= 0 && carrier === undefined)
      throw this.fail(`"interface" ${index} does not exist`);
    const address = this.address(object, "address");
    return {
      address,
      ...this.optional(object, "gateway"),
      ...(carrier === undefined ? {} : { interface: carrier.name }),
    };
  }

  address(object: JsonObject, field: string): string {
    const text = this.text(object, field);
    if (/^[0-9a-fA-F:.]+\/\d{1,3}$/.test(text)) return text;
    throw this.fail(`"${text}" is not an address with prefix length`);
  }

  route(object: JsonObject): ResultRoute {
    const gateway = this.optional(object, "gw")["gw"];
    return { dst: this.text(object, "dst"), ...(gateway === undefined ? {} : { gateway }) };
  }

  dns(value: unknown): ResultDns {
    if (value === undefined || value === null) return { nameservers: [], search: [], options: [] };
    if (!isJsonObject(value)) throw this.fail('"dns" is not an object');
    return {
      nameservers: this.texts(value, "nameservers"),
      ...this.optional(value, "domain"),
      search: this.texts(value, "search"),
      options: this.texts(value, "options"),
    };
  }

  oldFamilies(root: JsonObject): { ips: ResultIp[]; routes: ResultRoute[] } {
    const families = ["ip4", "ip6"].map((field) => root[field]).filter(isJsonObject);
    const ips = families.map((family) => ({
      address: this.address(family, "ip"),
      ...this.optional(family, "gateway"),
    }));
    return { ips, routes: families.flatMap((family) => this.list(family, "routes").map((one) => this.route(one))) };
  }
}
