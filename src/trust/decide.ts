import { formatTimestamp } from "../base/clock.ts";
import type { Decision, DecisionInput } from "./decision.ts";
import { explainRefusal } from "./explain-refusal.ts";
import { DEFAULT_RULE, type Exception, type KeylessIdentity, type Policy, type Rule } from "./policy.ts";
import { formatScope, isCoveredBy, type Scope, specificityOf } from "./scope.ts";

/** Default deny. Pure: the same facts always give the same answer. */
export function decide(policy: Policy, input: DecisionInput): Decision {
  const rule = findRule(policy, input.name);
  const exception = findException(policy, input);
  if (rule.require.kind === "reject") {
    if (exception !== undefined && specificityOf(exception.scope) > specificityOf(rule.scope))
      return acceptException(exception);
    return {
      kind: "refuse",
      code: "trust/rejected-by-policy",
      reason: `the policy rejects ${formatScope(rule.scope)}`,
      hint: "ask who wrote the policy; see which rule: gantry trust check",
    };
  }
  const accepted = acceptByKeys(rule, input);
  if (accepted !== undefined) return accepted;
  if (exception !== undefined) return acceptException(exception);
  if (input.insecure) return { kind: "accept", by: [{ kind: "insecure-option" }] };
  return explainRefusal(rule.require, input);
}

/** The most specific rule that covers `name`. */
export function findRule(policy: Policy, name: string): Rule {
  return findMostSpecific(policy.rules, name) ?? DEFAULT_RULE;
}

function findException(policy: Policy, input: DecisionInput): Exception | undefined {
  const live = policy.exceptions.filter(
    (one) => input.nowMs < one.expiresAtMs && (one.digest === undefined || one.digest === input.manifestDigest),
  );
  return findMostSpecific(live, input.name);
}

function findMostSpecific<T extends { readonly scope: Scope }>(all: readonly T[], name: string): T | undefined {
  return all
    .filter((one) => isCoveredBy(one.scope, name))
    .toSorted((a, b) => specificityOf(b.scope) - specificityOf(a.scope))[0];
}

function acceptByKeys(rule: Rule, input: DecisionInput): Decision | undefined {
  const good = input.signatures.filter((one) => one.kind === "good");
  const by = new Map<string, number | undefined>();
  for (const one of good) by.set(one.fingerprint, one.validUntilMs);
  const { require } = rule;
  if (require.kind === "reject") return undefined;
  const keys = new Set(require.keys);
  const wanted = keys.has("keyring") ? [...by.keys()] : [...keys].filter((key) => by.has(key));
  const people = (require.identities ?? []).filter((identity) =>
    input.signatures.some((one) => one.kind === "good-identity" && isSameIdentity(one, identity)),
  );
  const isEnough =
    require.kind === "anyOf"
      ? wanted.length + people.length > 0
      : wanted.length === keys.size && people.length === (require.identities ?? []).length;
  if (!isEnough) return undefined;
  const ends = wanted.flatMap((key) => by.get(key) ?? []);
  const label = rule === DEFAULT_RULE ? "default" : formatScope(rule.scope);
  return {
    kind: "accept",
    by: [
      ...wanted.map((fingerprint) => ({ kind: "key" as const, fingerprint, rule: label })),
      ...people.map(({ subject, issuer }) => ({ kind: "identity" as const, subject, issuer, rule: label })),
    ],
    ...(ends.length === 0 ? {} : { validUntilMs: Math.min(...ends) }),
  };
}

function isSameIdentity(one: KeylessIdentity, other: KeylessIdentity): boolean {
  return one.subject === other.subject && one.issuer === other.issuer && one.trustRoot === other.trustRoot;
}

function acceptException(exception: Exception): Decision {
  return {
    kind: "accept",
    by: [{ kind: "exception", reason: exception.reason, expires: formatTimestamp(exception.expiresAtMs) }],
    validUntilMs: exception.expiresAtMs,
  };
}
