import type { ContainersOutcome } from "./containers/outcome.ts";
import type { Acceptance, Decision } from "./decision.ts";
import { DEFAULT_RULE, type Rule } from "./policy.ts";

/** Which of the two policies the outcome hangs on. */
export type DecidedBy = "gantry" | "containers-policy" | "both";

/** Both policies' answers. */
export interface Answers {
  readonly rule: Rule;
  readonly own: Decision;
  /** Undefined: no `policy.json` governs this image. */
  readonly containers: ContainersOutcome | undefined;
  /** Path of the `policy.json`, for messages. */
  readonly path: string;
  readonly insecure: boolean;
}

/**
 * Neither file loosens the other: what `policy.json` refuses is refused whatever Gantry's own policy says, and where that
 * one has a rule for the name, the rule has to be satisfied too. Only where it has none, signatures that `policy.json`
 * demands and got vouch for the image; `insecureAcceptAnything` never does. Pure; docs/trust.md has the table.
 */
export function combine(answers: Answers): { readonly decision: Decision; readonly decidedBy: DecidedBy } {
  const { own, containers, rule, insecure } = answers;
  if (containers === undefined || containers.kind === "open") return { decision: own, decidedBy: "gantry" };
  if (containers.kind === "refused") {
    if (containers.isReject || !insecure)
      return { decision: refuse(answers, containers), decidedBy: "containers-policy" };
    if (own.kind === "refuse") return { decision: own, decidedBy: "gantry" };
    return { decision: { ...own, by: withOption(own.by) }, decidedBy: "both" };
  }
  const { by, validUntilMs } = containers;
  const isByKey = own.kind === "accept" && own.by.every((one) => one.kind !== "insecure-option");
  if (rule === DEFAULT_RULE && !isByKey)
    return {
      decision: { kind: "accept", by, ...(validUntilMs === undefined ? {} : { validUntilMs }) },
      decidedBy: "containers-policy",
    };
  if (own.kind === "refuse") return { decision: own, decidedBy: "gantry" };
  const ends = [own.validUntilMs, validUntilMs].filter((ms) => ms !== undefined);
  return {
    decision: {
      kind: "accept",
      by: [...own.by, ...by],
      ...(ends.length === 0 ? {} : { validUntilMs: Math.min(...ends) }),
    },
    decidedBy: "both",
  };
}

function withOption(by: readonly Acceptance[]): readonly Acceptance[] {
  return by.some((one) => one.kind === "insecure-option") ? by : [...by, { kind: "insecure-option" }];
}

function refuse(
  { path }: Answers,
  refused: Extract<ContainersOutcome, { readonly kind: "refused" }>,
): Extract<Decision, { readonly kind: "refuse" }> {
  return {
    kind: "refuse",
    code: refused.isReject ? "trust/rejected-by-policy" : refused.code,
    reason: `${path} (${refused.place}): ${refused.reason}`,
    hint: refused.isReject
      ? `ask who wrote ${path}, or add a scope for this image to it`
      : `sign it as ${path} demands: gantry sign --format=simple, or --format=cosign`,
  };
}
