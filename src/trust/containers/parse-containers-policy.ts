import { formatReason } from "../../base/errors.ts";
import { parseJsonStrict } from "../../base/json.ts";
import { parseRequirement } from "./parse-requirement.ts";
import type { ContainersPolicy, ContainersRequirement } from "./policy.ts";
import { type At, strictFields } from "./strict-fields.ts";

/** Largest policy file, in bytes, and most requirements of one scope. */
export const MAX_POLICY_BYTES = 1024 * 1024;
const MAX_REQUIREMENTS = 256;

/** A parsed `policy.json`; use nothing of it unless `problems` is empty. */
export interface ParsedContainersPolicy {
  readonly policy: ContainersPolicy;
  readonly problems: readonly string[];
}

/**
 * Reads `policy.json` as strictly as its own tools do: unknown, double or malformed fields make the whole file unusable.
 * Lists every problem by path. Pure. Spec: containers-policy.json(5).
 */
export function parseContainersPolicy(bytes: Uint8Array): ParsedContainersPolicy {
  const problems: string[] = [];
  let document: unknown;
  try {
    document = parseJsonStrict(bytes, { limitBytes: MAX_POLICY_BYTES });
  } catch (reason) {
    return { policy: { fallback: [], transports: new Map() }, problems: [formatReason(reason)] };
  }
  const top = strictFields(document, { path: "$", problems }, ["default", "transports"]);
  const fallback = readList(top.get("default"), { path: "$.default", problems });
  const at = { path: "$.transports", problems };
  const transports = new Map(
    [...members(top.get("transports"), at)].map(([transport, scopes]) => [
      transport,
      readScopes(transport, scopes, { ...at, path: `${at.path}.${transport}` }),
    ]),
  );
  return { policy: { fallback, transports }, problems };
}

function readScopes(transport: string, value: unknown, at: At): ReadonlyMap<string, readonly ContainersRequirement[]> {
  return new Map(
    [...members(value, at)].map(([scope, requirements]) => {
      const path = `${at.path}[${JSON.stringify(scope)}]`;
      const state = findScopeProblem(transport, scope);
      if (state !== undefined) at.problems.push(`${path}: ${state}`);
      return [scope, readList(requirements, { ...at, path })];
    }),
  );
}

function members(value: unknown, at: At): ReadonlyMap<string, unknown> {
  if (value === undefined) return new Map();
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return new Map(Object.entries(value));
  at.problems.push(`${at.path}: must be an object`);
  return new Map();
}

function readList(value: unknown, at: At): readonly ContainersRequirement[] {
  if (Array.isArray(value) && value.length > 0 && value.length <= MAX_REQUIREMENTS)
    return value.flatMap((item, i) => parseRequirement(item, { ...at, path: `${at.path}[${i}]` }));
  at.problems.push(`${at.path}: must be a list of 1 to ${MAX_REQUIREMENTS} requirements`);
  return [];
}

function findScopeProblem(transport: string, scope: string): string | undefined {
  if (scope === "") return undefined;
  if (["docker-archive", "tarball"].includes(transport)) return 'only the scope "" is possible here';
  if (!["dir", "oci", "oci-archive", "sif", "aci"].includes(transport)) return undefined;
  const isClean = scope.startsWith("/") && !/\/(?:\.{0,2})(?:\/|$)/.test(scope);
  return isClean ? undefined : 'must be an absolute path, clean, and not "/"';
}
