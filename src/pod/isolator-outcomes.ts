import type { IsolatorOutcome } from "./appc-app.ts";

const CONFINEMENT = /^os\/linux\/(seccomp-|capabilities-|no-new-privileges$|oom-score-adj$)/;
const FILTER = /^os\/linux\/seccomp-/;

/** Isolators that a regime has no means for, and why. */
const BEYOND: ReadonlyMap<string, { readonly names: RegExp; readonly detail: string }> = new Map([
  ["fly", { names: CONFINEMENT, detail: "regime fly confines nothing" }],
  ["gvisor", { names: FILTER, detail: "regime gvisor answers the app's system calls itself" }],
]);

/** What became of an app's isolators once it is known what the command line says and which regime runs the app. Pure. */
export function settleOutcomes(
  isolators: readonly IsolatorOutcome[],
  { regime, ownFilter }: { readonly regime: string; readonly ownFilter: boolean },
): readonly IsolatorOutcome[] {
  const beyond = BEYOND.get(regime);
  return isolators.map((one) => {
    if (beyond?.names.test(one.name) === true) return { name: one.name, outcome: "ignored", detail: beyond.detail };
    if (ownFilter && FILTER.test(one.name))
      return { name: one.name, outcome: "ignored", detail: "the command line says what is filtered" };
    return one;
  });
}
