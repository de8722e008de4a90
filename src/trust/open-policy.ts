import { TrustError } from "./errors.ts";
import {
  hashLayerFiles,
  type LayerFile,
  POLICY_DIR,
  readLayerFiles,
  TRUST_ROOTS_DIR,
  type TrustLayer,
} from "./layers.ts";
import { parsePolicyFile } from "./parse-policy.ts";
import type { Exception, Policy, Rule } from "./policy.ts";
import { formatScope } from "./scope.ts";

/**
 * Reads `policy.d/*.json` of all layers, lowest first. A file of the same name in a higher layer replaces the lower one
 * (an empty one masks it); a rule for the same scope from a later file wins.
 * @throws {TrustError} "trust/bad-policy" listing every problem of every file: a broken policy lets nothing run.
 */
export function openPolicy(layers: readonly TrustLayer[]): Policy {
  const files = readPolicyFiles(layers);
  const effective = new Map<string, LayerFile>();
  for (const file of files) {
    effective.delete(file.rel);
    effective.set(file.rel, file);
  }
  const rules = new Map<string, Rule>();
  const exceptions: Exception[] = [];
  const problems: string[] = [];
  const trustRoots = new Map<string, Uint8Array>();
  for (const file of effective.values()) {
    const rootName = nameOfTrustRoot(file.rel);
    if (rootName !== undefined && file.bytes.byteLength > 0) trustRoots.set(rootName, file.bytes);
    if (rootName !== undefined || file.bytes.byteLength === 0) continue;
    const parsed = parsePolicyFile(new TextDecoder().decode(file.bytes));
    problems.push(...parsed.problems.map((problem) => `${file.layer} ${file.rel}: ${problem}`));
    const own = new Set<string>();
    for (const rule of parsed.rules) {
      const scope = formatScope(rule.scope);
      if (own.has(scope)) problems.push(`${file.layer} ${file.rel}: two rules for ${scope}`);
      own.add(scope);
      rules.set(scope, rule);
    }
    exceptions.push(...parsed.exceptions);
  }
  problems.push(...findMissingRoots(rules.values(), trustRoots));
  if (problems.length > 0) {
    throw new TrustError("trust/bad-policy", `Cannot use trust policy: ${problems.join("; ")}`, {
      hint: "correct the files named here, then: gantry trust check",
      data: { problems },
    });
  }
  return { rules: [...rules.values()], exceptions, trustRoots, hash: hashLayerFiles(files) };
}

/** The files that make up the policy, for hashing without parsing. */
export function readPolicyFiles(layers: readonly TrustLayer[]): readonly LayerFile[] {
  const dirs = [POLICY_DIR, TRUST_ROOTS_DIR];
  return dirs
    .flatMap((dir) => layers.flatMap((layer) => readLayerFiles(layer, dir)))
    .filter((file) => file.rel.endsWith(".json"));
}

function nameOfTrustRoot(rel: string): string | undefined {
  return rel.startsWith(`${TRUST_ROOTS_DIR}/`) ? rel.slice(TRUST_ROOTS_DIR.length + 1, -".json".length) : undefined;
}

function findMissingRoots(rules: Iterable<Rule>, roots: ReadonlyMap<string, Uint8Array>): string[] {
  return [...rules].flatMap(({ scope, require }) =>
    (require.kind === "reject" ? [] : (require.identities ?? []))
      .filter((one) => !roots.has(one.trustRoot))
      .map(
        (one) =>
          `the rule for ${formatScope(scope)} needs ${TRUST_ROOTS_DIR}/${one.trustRoot}.json, which is not there`,
      ),
  );
}
