import { formatImageName, type ImageName, parseImageName } from "../image/image-name.ts";
import { DiscoveryError } from "./errors.ts";
import type { RegistriesConf, RegistrySetting } from "./registries-conf.ts";

/** One repository to ask for an image, and why. */
export interface RegistryPlace {
  readonly role: "mirror" | "registry";
  /** Where it really is; tag and digest are those of the logical name. */
  readonly name: ImageName;
  /** http and unknown certificates are accepted there. */
  readonly insecure: boolean;
  /** The table that led here, when one did. */
  readonly setting?: RegistrySetting;
}

/**
 * Places to ask for an image, in order: mirrors that may serve this kind of pull, then the registry itself, rewritten by
 * the table with the longest fitting prefix. The logical name stays the one that trust and the store know.
 * @throws {DiscoveryError} "discovery/blocked"; "discovery/bad-config" when a rewritten name is none.
 * Spec: containers-registries.conf(5), "Remapping and mirroring registries".
 */
export function resolveRegistry(conf: RegistriesConf, name: ImageName): readonly RegistryPlace[] {
  const setting = findSetting(conf, name);
  if (setting === undefined) return [{ role: "registry", name, insecure: false }];
  if (setting.blocked) {
    throw new DiscoveryError(
      "discovery/blocked",
      `Cannot use "${formatImageName(name)}": "${setting.prefix}" is blocked`,
      {
        hint: `the setting is in ${setting.file}; use another registry, or ask who wrote it`,
      },
    );
  }
  const isDigest = name.digest !== undefined;
  const mirrors = setting.mirrors.filter(({ pulls }) => pulls === "all" || (pulls === "digest-only") === isDigest);
  return [
    ...mirrors.map(({ location, insecure }) => {
      return { role: "mirror" as const, name: rewrite(setting, location, name), insecure, setting };
    }),
    { role: "registry", name: rewrite(setting, setting.location, name), insecure: setting.insecure, setting },
  ];
}

/** The table for a name: the longest prefix by whole components, exact hosts before `*.` ones. */
export function findSetting(conf: RegistriesConf, name: ImageName): RegistrySetting | undefined {
  let best: RegistrySetting | undefined;
  for (const setting of conf.registries) {
    if (covers(setting.prefix, name) && setting.prefix.length > (best?.prefix.length ?? 0)) best = setting;
  }
  return best;
}

function covers(prefix: string, name: ImageName): boolean {
  if (prefix.startsWith("*.")) return name.host.endsWith(prefix.slice(1)) && name.host.length > prefix.length - 1;
  const repository = `${name.host}/${name.path}`;
  if (repository === prefix || repository.startsWith(`${prefix}/`)) return true;
  return prefix === `${repository}:${name.tag}` || prefix === `${repository}@${name.digest}`;
}

function rewrite({ prefix, file }: RegistrySetting, location: string, name: ImageName): ImageName {
  if (location === "" || location === prefix) return name;
  const repository = `${name.host}/${name.path}`;
  const rest = prefix.startsWith("*.") ? repository.slice(name.host.length) : repository.slice(prefix.length);
  try {
    const { host, path } = parseImageName(`${location.replace(/[@:][^/]*$/, keepPort)}${rest}`);
    return { ...name, host, path };
  } catch (reason) {
    throw new DiscoveryError(
      "discovery/bad-config",
      `Cannot rewrite "${formatImageName(name)}": location "${location}" gives no name`,
      {
        hint: `correct the location in ${file}; a host needs a dot, a port, or to be localhost`,
        cause: reason,
      },
    );
  }
}

/** What follows the last colon of a location without path is a port; otherwise it is a tag, which the name itself has. */
function keepPort(match: string, at: number, whole: string): string {
  return whole.slice(0, at).includes("/") ? "" : match;
}
