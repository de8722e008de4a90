import type { TrustVerdict } from "../../engine/engine-calls.ts";
import { defineCommand } from "../command.ts";

/** `trust explain`: which rule of which policy decides about an image, and why. Exits 0 whatever the answer is. */
export const trustExplain = defineCommand({
  args: { image: { help: "Name, reference or digest; it need not be stored" } },
  flags: {},
  examples: ["trust explain example.com/app:1.2", "trust explain docker://example.com/app:1.2 --json"],

  async run({ args, engine, out, signal }) {
    const calls = await engine();
    const verdict = await calls.checkTrust({ image: args.image, onlyRules: true }, { signal });
    out.result(verdict, formatVerdict);
    return 0;
  },
});

const DECIDERS: Readonly<Record<TrustVerdict["decidedBy"], string>> = {
  gantry: "Gantry's own policy",
  "containers-policy": "policy.json",
  both: "both policies together",
};

function formatVerdict(one: TrustVerdict): string {
  const place = one.containersPolicy;
  return [
    `Image       ${one.image}${one.digest === undefined ? " (not stored: rules only)" : ` ${one.digest}`}`,
    `Answer      ${one.accepted ? "accepted" : `refused (${one.code})`}`,
    `Decided by  ${DECIDERS[one.decidedBy]}`,
    `Own rule    ${one.rule}`,
    ...(place === undefined ? [] : [`policy.json ${place.file}, scope ${place.scope}: ${place.outcome}`]),
    "Because",
    ...one.reasons.map((reason) => `  ${reason}`),
  ].join("\n");
}
