import { formatTimestamp } from "../base/clock.ts";
import type { TrustErrorCode } from "./errors.ts";
import { formatScope } from "./scope.ts";
import type { SignatureFact } from "./signature-fact.ts";

/** The worst news first: one tampered or revoked signature is said before an unknown one. */
const ORDER: readonly SignatureFact["kind"][] = [
  "bad",
  "revoked",
  "weak",
  "expired",
  "wrong-identity",
  "wrong-prefix",
  "unknown-key",
  "good",
  "good-identity",
];

/** The code of a refusal whose worst finding is of that kind. */
export const CODE_OF_FACT: Readonly<Record<SignatureFact["kind"], TrustErrorCode>> = {
  bad: "trust/bad-signature",
  revoked: "trust/key-revoked",
  weak: "trust/weak-key",
  expired: "trust/key-expired",
  "wrong-identity": "trust/wrong-identity",
  "wrong-prefix": "trust/wrong-prefix",
  "unknown-key": "trust/unknown-key",
  good: "trust/rejected-by-policy",
  "good-identity": "trust/rejected-by-policy",
};

/** Facts in the order in which they are worth telling. */
export function worstFirst(facts: readonly SignatureFact[]): readonly SignatureFact[] {
  return facts.toSorted((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
}

/** Whether a signature counts. */
export function isGood(fact: SignatureFact): boolean {
  return fact.kind === "good" || fact.kind === "good-identity";
}

/** A fact as people read it. */
export function describeFact(fact: SignatureFact): string {
  switch (fact.kind) {
    case "good":
      return `good, by ${fact.fingerprint}${fact.validUntilMs === undefined ? "" : `, until ${formatTimestamp(fact.validUntilMs)}`}`;
    case "good-identity":
      return `good, by ${fact.subject} (issuer ${fact.issuer}, trust root ${fact.trustRoot})`;
    case "unknown-key":
      return `by ${fact.signer}, which is not a trusted key`;
    case "wrong-prefix":
      return `by ${fact.fingerprint}, which is trusted for ${fact.scopes.map(formatScope).join(", ")} only`;
    default:
      return `${fact.kind}, by ${fact.fingerprint ?? fact.signer}: ${fact.reason}`;
  }
}
