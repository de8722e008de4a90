import type { DecisionInput, Refusal } from "./decision.ts";
import type { TrustErrorCode } from "./errors.ts";
import { worstFirst } from "./facts.ts";
import type { Requirement } from "./policy.ts";
import { formatScope } from "./scope.ts";
import type { SignatureFact } from "./signature-fact.ts";

/** Turns facts that were not enough into one reason and the next command. Pure. */
export function explainRefusal(require: Requirement, input: DecisionInput): Refusal {
  const add = `gantry trust add --prefix ${input.name} KEYFILE`;
  const [worst] = worstFirst(input.signatures);
  if (worst === undefined) return refuseUnsigned(input.name);
  switch (worst.kind) {
    case "bad":
      return refuse(
        "trust/bad-signature",
        `the signature by ${worst.fingerprint ?? worst.signer} does not hold: ${worst.reason}`,
        "fetch it again; if it stays, the content is not what was signed: ask the publisher to sign it again with gantry sign",
      );
    case "revoked":
      return refuse(
        "trust/key-revoked",
        `the key ${worst.fingerprint ?? worst.signer} is revoked: ${worst.reason}`,
        `get the publisher's new key, then: ${add}`,
      );
    case "weak":
      return refuse(
        "trust/weak-key",
        `the signature by ${worst.fingerprint ?? worst.signer} is too weak: ${worst.reason}`,
        `ask for a signature by a stronger key, then: ${add}`,
      );
    case "expired":
      return refuse(
        "trust/key-expired",
        `the key ${worst.fingerprint ?? worst.signer} does not count any more: ${worst.reason}`,
        `get the publisher's renewed key, then: ${add}`,
      );
    case "wrong-identity":
    case "wrong-prefix":
      return refuseOtherName(worst, input.name);
    case "unknown-key":
      return refuse(
        "trust/unknown-key",
        `it is signed by ${worst.signer}, which is not in the keyring`,
        `if you trust that key: ${add}`,
      );
    case "good":
    case "good-identity":
      return refuse(
        "trust/rejected-by-policy",
        `the policy wants ${formatRequirement(require)}, and it is signed by ${worst.kind === "good" ? worst.fingerprint : worst.subject}`,
        `have it signed by the keys the policy names: gantry sign ${input.name}`,
      );
  }
}

function refuseOtherName(
  worst: Extract<SignatureFact, { readonly kind: "wrong-identity" | "wrong-prefix" }>,
  name: string,
): Refusal {
  if (worst.kind === "wrong-identity") {
    return refuse(
      "trust/wrong-identity",
      `the signature by ${worst.fingerprint} is for another name: ${worst.reason}`,
      `fetch it under the name it was signed for, or sign it for this one: gantry sign --format=simple ${name}`,
    );
  }
  return refuse(
    "trust/wrong-prefix",
    `the key ${worst.fingerprint} is trusted for ${worst.scopes.map(formatScope).join(", ")} only`,
    `if it may sign this name too: gantry trust add --prefix ${name} KEYFILE`,
  );
}

function refuseUnsigned(name: string): Refusal {
  const hint = `sign it: gantry sign ${name}; or, for this once, pass --insecure-options=image`;
  return refuse("trust/unsigned", "no signature was found", hint);
}

/** A requirement as people read it. */
export function formatRequirement(require: Requirement): string {
  if (require.kind === "reject") return "no image of that name";
  const people = (require.identities ?? []).map((one) => `${one.subject} (issuer ${one.issuer})`);
  return `${require.kind === "anyOf" ? "any" : "all"} of ${[...require.keys, ...people].join(", ")}`;
}

function refuse(code: TrustErrorCode, reason: string, hint: string): Refusal {
  return { kind: "refuse", code, reason, hint };
}
