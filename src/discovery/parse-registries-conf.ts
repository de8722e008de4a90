import { formatReason } from "../base/errors.ts";
import { DiscoveryError } from "./errors.ts";
import type { MirrorSetting, RegistriesConf, RegistrySetting } from "./registries-conf.ts";

const MAX_TABLES = 1000;
const PULLS: ReadonlyMap<string, MirrorSetting["pulls"]> = new Map([
  ["", "all"],
  ["all", "all"],
  ["digest-only", "digest-only"],
  ["tag-only", "tag-only"],
]);

/** One file as read. */
export interface RegistriesFile {
  readonly path: string;
  readonly text: string;
}

/**
 * Reads `registries.conf` and its drop-ins, in this order; a later file replaces tables of the same prefix, adds aliases
 * (an empty one removes), and replaces the search list when it has one.
 * @throws {DiscoveryError} "discovery/bad-config" with every problem of the first file that has any.
 * Spec: containers-registries.conf(5) version 2, containers-registries.conf.d(5).
 */
export function parseRegistriesConf(files: readonly RegistriesFile[]): RegistriesConf {
  const registries = new Map<string, RegistrySetting>();
  const aliases = new Map<string, string>();
  let unqualifiedSearch: readonly string[] = [];
  for (const file of files) {
    const read = new ConfReader(file);
    for (const setting of read.registries()) registries.set(setting.prefix, setting);
    for (const [name, full] of read.aliases()) {
      if (full === "") aliases.delete(name);
      else aliases.set(name, full);
    }
    unqualifiedSearch = read.search() ?? unqualifiedSearch;
    read.finish();
  }
  return { registries: [...registries.values()], unqualifiedSearch, aliases };
}

type Table = Readonly<Record<string, unknown>>;

class ConfReader {
  readonly #file: RegistriesFile;
  readonly #top: Table;
  readonly #problems: string[] = [];

  constructor(file: RegistriesFile) {
    this.#file = file;
    this.#top = parseToml(file);
    if (this.#top["registries"] !== undefined)
      this.#problems.push("[registries.…]: the old version 1 format; write [[registry]] tables instead");
  }

  registries(): RegistrySetting[] {
    return this.#tables(this.#top["registry"], "registry").map((table, i) => this.#registry(table, `registry[${i}]`));
  }

  aliases(): readonly (readonly [string, string])[] {
    const table = this.#top["aliases"];
    if (table === undefined) return [];
    if (!isTable(table)) return this.#report("aliases", "not a table", []);
    return Object.entries(table).map(([name, full]) => [name, this.#text(full, `aliases.${name}`)] as const);
  }

  search(): readonly string[] | undefined {
    const list = this.#top["unqualified-search-registries"];
    if (list === undefined) return undefined;
    if (!Array.isArray(list)) return this.#report("unqualified-search-registries", "not a list", []);
    return list.map((host, i) => this.#text(host, `unqualified-search-registries[${i}]`));
  }

  finish(): void {
    if (this.#problems.length === 0) return;
    throw badConfig(this.#file.path, this.#problems.slice(0, 20).join("; "));
  }

  #registry(table: Table, at: string): RegistrySetting {
    const location = this.#place(table["location"], `${at}.location`);
    const prefix = table["prefix"] === undefined ? location : this.#prefix(table["prefix"], `${at}.prefix`);
    if (prefix === "") this.#report(at, "has neither prefix nor location", undefined);
    const isWildcard = prefix.startsWith("*.");
    if (location === "" && !isWildcard)
      this.#report(`${at}.location`, "missing; only a *. prefix needs none", undefined);
    const byDigestOnly = this.#flag(table["mirror-by-digest-only"], `${at}.mirror-by-digest-only`);
    return {
      prefix,
      location,
      insecure: this.#flag(table["insecure"], `${at}.insecure`),
      blocked: this.#flag(table["blocked"], `${at}.blocked`),
      mirrors: this.#tables(table["mirror"], `${at}.mirror`).map((mirror, i) =>
        this.#mirror(mirror, `${at}.mirror[${i}]`, byDigestOnly),
      ),
      file: this.#file.path,
    };
  }

  #mirror(table: Table, at: string, byDigestOnly: boolean): MirrorSetting {
    const location = this.#place(table["location"], `${at}.location`);
    if (location === "") this.#report(`${at}.location`, "missing", undefined);
    const wish = table["pull-from-mirror"];
    const pulls = PULLS.get(wish === undefined ? "" : this.#text(wish, `${at}.pull-from-mirror`));
    if (pulls === undefined)
      this.#report(`${at}.pull-from-mirror`, 'not "all", "digest-only" or "tag-only"', undefined);
    if (wish !== undefined && byDigestOnly)
      this.#report(`${at}.pull-from-mirror`, "cannot be combined with mirror-by-digest-only", undefined);
    return {
      location,
      insecure: this.#flag(table["insecure"], `${at}.insecure`),
      pulls: byDigestOnly ? "digest-only" : (pulls ?? "all"),
    };
  }

  #prefix(value: unknown, at: string): string {
    const text = this.#text(value, at);
    return text.startsWith("*.") && /^\*\.[a-z0-9.-]+$/.test(text) ? text : this.#place(text, at);
  }

  #place(value: unknown, at: string): string {
    if (value === undefined) return "";
    const text = this.#text(value, at);
    if (/^[a-z0-9[][a-z0-9.\-[\]:]*(\/[^/\s]+)*$/.test(text)) return text;
    return this.#report(at, `"${text.slice(0, 100)}" is not host[:port][/path]`, "");
  }

  #tables(value: unknown, at: string): readonly Table[] {
    if (value === undefined) return [];
    if (!Array.isArray(value) || !value.every(isTable)) return this.#report(at, "not a list of tables", []);
    return value.length <= MAX_TABLES ? value : this.#report(at, `more than ${MAX_TABLES} tables`, []);
  }

  #flag(value: unknown, at: string): boolean {
    if (value === undefined || typeof value === "boolean") return value ?? false;
    return this.#report(at, "not true or false", false);
  }

  #text(value: unknown, at: string): string {
    return typeof value === "string" ? value : this.#report(at, "not a text", "");
  }

  #report<T>(at: string, problem: string, instead: T): T {
    this.#problems.push(`${at}: ${problem}`);
    return instead;
  }
}

function parseToml({ path, text }: RegistriesFile): Table {
  try {
    const document: unknown = Bun.TOML.parse(text);
    return isTable(document) ? document : {};
  } catch (reason) {
    throw badConfig(path, formatReason(reason), reason);
  }
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function badConfig(path: string, state: string, cause?: unknown): DiscoveryError {
  return new DiscoveryError("discovery/bad-config", `Cannot use registry settings "${path}": ${state}`, {
    hint: "correct that file; see man 5 containers-registries.conf",
    ...(cause === undefined ? {} : { cause }),
  });
}
