import { isCoveredBy } from "../trust/scope.ts";
import type { Stage1Policy, Stage1Rule } from "./stage1-policy.ts";

/** Label or annotation by which an image asks for a regime. */
export const STAGE1_WISH = "dev.gantry.stage1";

/** Taken when neither user, image nor host says anything. */
export const BUILT_IN_DEFAULT = "systemd";

/** Regimes that separate nothing: an image gets them only where a rule or the user names them. */
const UNCONFINED = new Set(["fly"]);

/** What has a say. */
export interface Stage1Choice {
  /** `--stage1`. */
  readonly asked?: string;
  /** Images of the pod by name without tag, and what each asks for. */
  readonly images: readonly { readonly name: string; readonly wish?: string }[];
  readonly policy: Stage1Policy;
}

/** The regime to use and who decided, or why there is none. */
export type Stage1Decision =
  | { readonly kind: "use"; readonly regime: string; readonly because: string }
  | { readonly kind: "refused"; readonly regime: string; readonly because: string };

/**
 * Chooses where a pod runs. Every rule that covers one of its images holds, whoever asks; among what they leave the user's
 * wish comes first, then a rule's own order, then what all images agree on, then the host's default. Pure.
 */
export function chooseStage1({ asked, images, policy }: Stage1Choice): Stage1Decision {
  const rules = policy.rules.filter((rule) => images.some(({ name }) => covers(rule, name)));
  const wish = agreedWish(images);
  const ordered = [
    ...(asked === undefined ? [] : [{ regime: asked, because: "asked for" }]),
    ...rules.flatMap((rule) => (rule.only ?? []).map((regime) => ({ regime, because: `${formatRule(rule)}` }))),
    ...(wish === undefined || UNCONFINED.has(wish) ? [] : [{ regime: wish, because: `the image asks for it` }]),
    { regime: policy.default ?? BUILT_IN_DEFAULT, because: policy.default === undefined ? "built in" : "host default" },
  ];
  // What the user asks for is taken or refused, never replaced.
  const candidates = asked === undefined ? ordered : ordered.slice(0, 1);
  const [first] = candidates;
  for (const candidate of candidates) {
    if (rules.every((rule) => allows(rule, candidate.regime))) return { kind: "use", ...candidate };
  }
  const regime = first?.regime ?? BUILT_IN_DEFAULT;
  const against = rules.find((rule) => !allows(rule, regime));
  return { kind: "refused", regime, because: against === undefined ? "no rule allows it" : formatRule(against) };
}

function covers(rule: Stage1Rule, name: string): boolean {
  return rule.prefix === "" || isCoveredBy({ kind: "prefix", name: rule.prefix }, name);
}

function allows(rule: Stage1Rule, regime: string): boolean {
  return (rule.only?.includes(regime) ?? true) && !(rule.never?.includes(regime) ?? false);
}

/** A wish is the name of a regime: who signs apps must not choose a stage1 image, whose programs run as the host's root. */
function agreedWish(images: Stage1Choice["images"]): string | undefined {
  const [first, ...others] = images;
  const wish = first?.wish;
  if (wish === undefined || !/^[a-z0-9]+$/.test(wish)) return undefined;
  return others.every((image) => image.wish === wish) ? wish : undefined;
}

function formatRule(rule: Stage1Rule): string {
  const what = [
    ...(rule.only === undefined ? [] : [`only ${rule.only.join(", ")}`]),
    ...(rule.never === undefined ? [] : [`never ${rule.never.join(", ")}`]),
  ].join(", ");
  return `${rule.from} says for ${rule.prefix === "" ? "every image" : rule.prefix}: ${what}`;
}
