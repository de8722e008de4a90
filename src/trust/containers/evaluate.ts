import { assertNever } from "../../base/errors.ts";
import type { EvaluateInput, LoadedKeys } from "./evaluate-input.ts";
import { findRequirements } from "./find-requirements.ts";
import type { OpenedContainersPolicy } from "./opened-policy.ts";
import type { ContainersOutcome, RequirementOutcome } from "./outcome.ts";
import type { ContainersRequirement, KeySource } from "./policy.ts";

/** Applies every requirement of the scope that counts; all have to be met. */
export async function evaluateContainers(
  opened: OpenedContainersPolicy,
  input: EvaluateInput,
): Promise<ContainersOutcome> {
  const { place, requirements } = findRequirements(opened.policy, input.image ?? { transport: "", scope: "" });
  const outcomes: RequirementOutcome[] = [];
  for (const one of requirements) outcomes.push(await evaluate(opened, one, input));
  const failed = outcomes.find((one) => !one.isMet);
  const found = { place, requirements: outcomes };
  if (failed !== undefined) {
    const isReject = requirements.some((one) => one.type === "reject");
    return { kind: "refused", ...found, code: failed.code, reason: failed.reason, isReject };
  }
  const rule = `${opened.path} ${place}`;
  const by = outcomes
    .flatMap((one) => one.by)
    .map((one) => (one.kind === "key" || one.kind === "identity" ? { ...one, rule } : one));
  if (by.length === 0) return { kind: "open", ...found };
  const ends = outcomes.flatMap((one) => one.validUntilMs ?? []);
  return { kind: "vouched", ...found, by, ...(ends.length === 0 ? {} : { validUntilMs: Math.min(...ends) }) };
}

async function evaluate(
  opened: OpenedContainersPolicy,
  one: ContainersRequirement,
  input: EvaluateInput,
): Promise<RequirementOutcome> {
  switch (one.type) {
    case "insecureAcceptAnything":
      return { type: one.type, isMet: true, by: [], code: "trust/rejected-by-policy", reason: "accepts anything" };
    case "reject":
      return {
        type: one.type,
        isMet: false,
        by: [],
        code: "trust/rejected-by-policy",
        reason: "the policy rejects it",
      };
    case "signedBaseLayer":
      return {
        type: one.type,
        isMet: false,
        by: [],
        code: "trust/rejected-by-policy",
        reason: "signedBaseLayer is met by no image: no tool makes such signatures",
      };
    case "signedBy":
      return await (await import("./signed-by.ts")).evaluateSignedBy(load(opened, one.keys), one, input);
    case "sigstoreSigned":
      return await (await import("./sigstore-signed.ts")).evaluateSigstoreSigned(
        (keys) => load(opened, keys),
        one,
        input,
      );
    default:
      return assertNever(one);
  }
}

function load(opened: OpenedContainersPolicy, keys: readonly KeySource[]): LoadedKeys {
  const blobs: Uint8Array[] = [];
  const missing: string[] = [];
  for (const key of keys) {
    const bytes = key.kind === "data" ? key.bytes : opened.readKeyFile(key.path);
    if (bytes === undefined) missing.push(key.kind === "path" ? key.path : "");
    else blobs.push(bytes);
  }
  return { blobs, missing };
}
