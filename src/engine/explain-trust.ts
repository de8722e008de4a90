import { formatTimestamp } from "../base/clock.ts";
import type { ContainersOutcome } from "../trust/containers/outcome.ts";
import type { ImageDecision } from "../trust/decide-image.ts";
import { formatRequirement } from "../trust/explain-refusal.ts";
import { describeFact, isGood } from "../trust/facts.ts";
import { keysFor } from "../trust/keyring.ts";
import { DEFAULT_RULE, type Policy, type Rule } from "../trust/policy.ts";
import { formatScope, isCoveredBy } from "../trust/scope.ts";
import type { Trust } from "../trust/trust.ts";
import type { ContainersVerdict, SignatureVerdict } from "./engine-calls.ts";

/** A decision to put into words; `digest` undefined: the image is not stored. */
export interface ExplainInput {
  readonly name: string;
  readonly digest?: string;
  readonly decided: ImageDecision;
  /** Whether it was ever verified under this name. */
  readonly hasRecord: boolean;
}

/** A line each: the rule, exceptions, `policy.json`, every signature, every key that may vouch. Decides nothing. */
export function explainTrust(trust: Trust, input: ExplainInput): readonly string[] {
  const { decided, name, digest } = input;
  const signers = new Set(
    decided.judged
      .flatMap((one) => one.facts)
      .flatMap((fact) => ("fingerprint" in fact && fact.fingerprint !== undefined ? [fact.fingerprint] : [])),
  );
  const others = keysFor(trust.keyring, name).filter((key) => !signers.has(key.fingerprint));
  const isUnsigned = input.hasRecord && decided.judged.length === 0;
  return [
    explainRule(decided.rule),
    ...explainExceptions(trust.policy, { name, digest, atMs: decided.atMs }),
    ...explainContainers(trust, decided.containers),
    ...(digest !== undefined && !input.hasRecord ? [`never verified under the name ${name}`] : []),
    ...(isUnsigned ? ["no signature was found when it was verified"] : []),
    ...explainSignatures(decided).map((one) => `signature ${one.from}: ${one.finding}`),
    ...others.map(
      (key) => `key ${key.fingerprint} (${formatScope(key.scope)}): may vouch, but none of the signatures is by it`,
    ),
  ];
}

/** Gantry's own rule for the name, as people read it. */
export function explainRule(rule: Rule): string {
  if (rule === DEFAULT_RULE) return "no rule names it: any key trusted for the name may vouch";
  const scope = `rule for ${formatScope(rule.scope)}`;
  return rule.require.kind === "reject"
    ? `${scope}: refuses every image`
    : `${scope}: wants ${formatRequirement(rule.require)}`;
}

/** Every signature that was judged. */
export function explainSignatures(decided: ImageDecision): readonly SignatureVerdict[] {
  return decided.judged.flatMap(({ offered, facts }) =>
    facts.map((fact) => ({
      from: offered.from,
      form: offered.kind ?? "openpgp",
      over: offered.over,
      good: isGood(fact),
      finding: describeFact(fact),
    })),
  );
}

/** What `policy.json` says; undefined when none governs the image. */
export function containersVerdict(trust: Trust, outcome: ContainersOutcome | undefined): ContainersVerdict | undefined {
  if (trust.containers === undefined || outcome === undefined) return undefined;
  const requirements = outcome.requirements.map(({ type, isMet, reason }) => ({ type, met: isMet, reason }));
  return { file: trust.containers.path, scope: outcome.place, outcome: outcome.kind, requirements };
}

function explainContainers(trust: Trust, outcome: ContainersOutcome | undefined): readonly string[] {
  const verdict = containersVerdict(trust, outcome);
  return (verdict?.requirements ?? []).map(
    (one) => `${verdict?.file} (${verdict?.scope}): ${one.type}: ${one.met ? "" : "not met: "}${one.reason}`,
  );
}

function explainExceptions(
  policy: Policy,
  at: { readonly name: string; readonly digest: string | undefined; readonly atMs: number },
): string[] {
  const covering = policy.exceptions.filter((one) => isCoveredBy(one.scope, at.name));
  return covering.map((one) => {
    const end = formatTimestamp(one.expiresAtMs);
    const state =
      at.atMs >= one.expiresAtMs
        ? `expired on ${end}`
        : one.digest !== undefined && one.digest !== at.digest
          ? `is for ${one.digest} only`
          : `holds until ${end}`;
    return `exception for ${formatScope(one.scope)} (${one.reason}): ${state}`;
  });
}
