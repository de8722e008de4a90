import type { ContainersPolicy, ContainersRequirement, ImageIdentity } from "./policy.ts";

/** The requirements that count for an image, and the place in the file they stand at. */
export interface FoundRequirements {
  /** `default`, `docker`, or `docker:example.com/app`. */
  readonly place: string;
  readonly requirements: readonly ContainersRequirement[];
}

/** Transports whose scopes are docker references, and those whose scopes are paths. */
const NAMED: ReadonlySet<string> = new Set(["docker", "atomic", "docker-daemon"]);
const PATHS: ReadonlySet<string> = new Set(["dir", "oci", "oci-archive", "sif", "aci"]);

/**
 * The most specific match only: the image itself, its parents, wildcards of its host, the transport's default, the global
 * default. Pure. Spec: containers-policy.json(5), "FORMAT".
 */
export function findRequirements(policy: ContainersPolicy, image: ImageIdentity): FoundRequirements {
  const scopes = policy.transports.get(image.transport);
  for (const scope of scopes === undefined ? [] : [...scopesOf(image), ""]) {
    const requirements = scopes?.get(scope);
    if (requirements !== undefined)
      return { place: scope === "" ? image.transport : `${image.transport}:${scope}`, requirements };
  }
  return { place: "default", requirements: policy.fallback };
}

/** Scopes that cover an image, most specific first; without the transport's default. Pure. */
export function scopesOf(image: ImageIdentity): readonly string[] {
  if (image.scope === "") return [];
  if (NAMED.has(image.transport)) return [image.scope, ...parentNames(image.scope)];
  return PATHS.has(image.transport) ? parentPaths(image.scope) : [];
}

/** Namespaces of a docker reference, most specific first, as `registries.d` and `policy.json` look them up. Pure. */
export function parentNames(reference: string): readonly string[] {
  const [named = ""] = reference.split("@");
  const colon = named.lastIndexOf(":");
  let name = colon > named.lastIndexOf("/") ? named.slice(0, colon) : named;
  const names = [name];
  for (let slash = name.lastIndexOf("/"); slash > 0; slash = name.lastIndexOf("/")) {
    name = name.slice(0, slash);
    names.push(name);
  }
  const [host = ""] = name.split(":");
  const labels = host.split(".");
  return [...names, ...labels.slice(1).map((_, i) => `*.${labels.slice(i + 1).join(".")}`)];
}

function parentPaths(path: string): readonly string[] {
  const paths: string[] = [];
  for (let at = path; at.length > 1; at = at.slice(0, at.lastIndexOf("/"))) paths.push(at);
  return paths;
}
