import { expect, test } from "bun:test";
import { type Answers, combine } from "./combine.ts";
import type { ContainersOutcome } from "./containers/outcome.ts";
import type { Decision } from "./decision.ts";
import { DEFAULT_RULE, type Rule } from "./policy.ts";

const OWN_RULE: Rule = { scope: { kind: "prefix", name: "a.io" }, require: { kind: "anyOf", keys: ["keyring"] } };
const byKey: Decision = { kind: "accept", by: [{ kind: "key", fingerprint: "own" }] };
const byException: Decision = { kind: "accept", by: [{ kind: "exception", reason: "r", expires: "e" }] };
const byOption: Decision = { kind: "accept", by: [{ kind: "insecure-option" }] };
const no: Decision = { kind: "refuse", code: "trust/unsigned", reason: "r", hint: "h" };
const open: ContainersOutcome = { kind: "open", place: "default", requirements: [] };
const vouched: ContainersOutcome = {
  kind: "vouched",
  place: "docker:a.io",
  requirements: [],
  by: [{ kind: "key", fingerprint: "theirs" }],
};
const unmet: ContainersOutcome = {
  kind: "refused",
  place: "docker:a.io",
  requirements: [],
  code: "trust/unknown-key",
  reason: "r",
  isReject: false,
};
const reject: ContainersOutcome = { ...unmet, isReject: true };

test.each<[string, Rule, Decision, ContainersOutcome | undefined, boolean, string]>([
  ["no policy.json: Gantry decides", DEFAULT_RULE, byKey, undefined, false, "own"],
  ["no policy.json: default deny", DEFAULT_RULE, no, undefined, false, "trust/unsigned"],
  ["accept anything vouches for nothing", DEFAULT_RULE, no, open, false, "trust/unsigned"],
  ["accept anything takes nothing away", DEFAULT_RULE, byKey, open, false, "own"],
  ["no rule of ours: their signature vouches", DEFAULT_RULE, no, vouched, false, "theirs"],
  ["no rule of ours: both are named", DEFAULT_RULE, byKey, vouched, false, "own theirs"],
  ["a rule of ours has to hold too", OWN_RULE, no, vouched, false, "trust/unsigned"],
  ["both hold", OWN_RULE, byKey, vouched, false, "own theirs"],
  ["our key does not lift their demand", OWN_RULE, byKey, unmet, false, "trust/unknown-key"],
  ["our exception does not lift their demand", DEFAULT_RULE, byException, unmet, false, "trust/unknown-key"],
  ["our exception stands beside their signature", OWN_RULE, byException, vouched, false, "exception theirs"],
  ["the option lifts an unmet demand, and says so", DEFAULT_RULE, byKey, unmet, true, "own insecure-option"],
  ["the option lifts everything but a reject", DEFAULT_RULE, byOption, reject, true, "trust/rejected-by-policy"],
  ["the option is not used up where their signature vouches", DEFAULT_RULE, byOption, vouched, true, "theirs"],
])("combine(): %s", (_title, rule, own, containers, insecure, want) => {
  const answers: Answers = { rule, own, containers, path: "/etc/containers/policy.json", insecure };
  const { decision } = combine(answers);
  const got =
    decision.kind === "refuse"
      ? decision.code
      : decision.by.map((one) => (one.kind === "key" ? one.fingerprint : one.kind)).join(" ");
  expect(got).toBe(want);
});
