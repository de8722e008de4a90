/** A place that stands in for a registry, from `[[registry.mirror]]`. */
export interface MirrorSetting {
  readonly location: string;
  readonly insecure: boolean;
  /** Which pulls may use it. */
  readonly pulls: "all" | "digest-only" | "tag-only";
}

/** What one `[[registry]]` table says about the names beneath its prefix. */
export interface RegistrySetting {
  /** `host[:port][/path]`, or `*.host` for every sub-domain. */
  readonly prefix: string;
  /** What the prefix is replaced with; "" leaves names as they are. */
  readonly location: string;
  readonly insecure: boolean;
  readonly blocked: boolean;
  readonly mirrors: readonly MirrorSetting[];
  /** File it comes from, for messages. */
  readonly file: string;
}

/** Registry settings of this host, drop-ins merged in. Spec: containers-registries.conf(5), version 2. */
export interface RegistriesConf {
  readonly registries: readonly RegistrySetting[];
  /** Never searched: named in hints only. */
  readonly unqualifiedSearch: readonly string[];
  /** Short name → full name; named in hints only. */
  readonly aliases: ReadonlyMap<string, string>;
}

/** The settings of a host without any file. */
export const NO_REGISTRIES_CONF: RegistriesConf = { registries: [], unqualifiedSearch: [], aliases: new Map() };
