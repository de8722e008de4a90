import { assertNever } from "../../base/errors.ts";
import { type DockerReference, parseDockerReference } from "./docker-reference.ts";
import type { IdentityMatch } from "./policy.ts";

/**
 * Whether a signature that claims the docker reference `claimed` is about the image `intended` (undefined: the image has
 * no docker reference). Pure. Spec: containers-policy.json(5), "signedIdentity".
 */
export function matchesIdentity(match: IdentityMatch, claimed: string, intended: string | undefined): boolean {
  const signed = parseDockerReference(claimed);
  if (signed === undefined) return false;
  switch (match.type) {
    case "exactReference":
      return isExact(parseDockerReference(match.dockerReference), signed);
    case "exactRepository":
      return parseDockerReference(match.dockerRepository)?.repository === signed.repository;
    case "matchExact":
      return isExact(parseIntended(intended), signed);
    case "matchRepository":
      return parseIntended(intended)?.repository === signed.repository;
    case "matchRepoDigestOrExact":
      return isRepoDigestOrExact(parseIntended(intended), signed);
    case "remapIdentity":
      return isRepoDigestOrExact(remap(match, parseIntended(intended)), signed);
    default:
      return assertNever(match);
  }
}

function parseIntended(intended: string | undefined): DockerReference | undefined {
  return intended === undefined ? undefined : parseDockerReference(intended);
}

function isNameOnly(reference: DockerReference): boolean {
  return reference.tag === undefined && reference.digest === undefined;
}

function isExact(wanted: DockerReference | undefined, signed: DockerReference): boolean {
  return wanted !== undefined && !isNameOnly(wanted) && wanted.text === signed.text;
}

function isRepoDigestOrExact(wanted: DockerReference | undefined, signed: DockerReference): boolean {
  if (wanted === undefined || isNameOnly(wanted) || isNameOnly(signed)) return false;
  return wanted.tag !== undefined ? wanted.text === signed.text : wanted.repository === signed.repository;
}

/** Prefixes end at whole components; a name outside the prefix stays as it is. */
function remap(
  { prefix, signedPrefix }: Extract<IdentityMatch, { readonly type: "remapIdentity" }>,
  reference: DockerReference | undefined,
): DockerReference | undefined {
  if (reference === undefined) return undefined;
  const { repository, text } = reference;
  if (repository !== prefix && !repository.startsWith(`${prefix}/`)) return reference;
  return parseDockerReference(`${signedPrefix}${text.slice(prefix.length)}`);
}
