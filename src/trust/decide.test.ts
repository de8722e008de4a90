import { expect, test } from "bun:test";
import { decide } from "./decide.ts";
import { parsePolicyFile } from "./parse-policy.ts";
import type { Requirement } from "./policy.ts";
import type { Scope } from "./scope.ts";
import type { SignatureFact } from "./signature-fact.ts";

const A = "a".repeat(40);
const B = "b".repeat(40);
const good = (fingerprint: string): SignatureFact => ({ kind: "good", fingerprint, signer: fingerprint.slice(-16) });
const ROOT: Scope = { kind: "root" };
const APP: Scope = { kind: "prefix", name: "example.com/app" };
const EXACT: Scope = { kind: "exact", name: "example.com/app" };
const reject: Requirement = { kind: "reject" };
const anyOf = (...keys: string[]): Requirement => ({ kind: "anyOf", keys });
const allOf = (...keys: string[]): Requirement => ({ kind: "allOf", keys });

const TABLE: readonly [string, readonly [Scope, Requirement][], readonly SignatureFact[], string][] = [
  ["no rule, no signature", [], [], "trust/unsigned"],
  ["no rule, a good signature", [], [good(A)], "accept"],
  ["a good one beside a bad one", [], [good(A), { kind: "bad", signer: "x", reason: "r" }], "accept"],
  ["a named key", [[APP, anyOf(A)]], [good(A)], "accept"],
  ["another key than the named one", [[APP, anyOf(A)]], [good(B)], "trust/rejected-by-policy"],
  ["all of two, both there", [[APP, allOf(A, B)]], [good(B), good(A)], "accept"],
  ["all of two, one there", [[APP, allOf(A, B)]], [good(A)], "trust/rejected-by-policy"],
  [
    "exact beats prefix",
    [
      [APP, reject],
      [EXACT, anyOf("keyring")],
    ],
    [good(A)],
    "accept",
  ],
  [
    "prefix beats root",
    [
      [ROOT, anyOf("keyring")],
      [APP, reject],
    ],
    [good(A)],
    "trust/rejected-by-policy",
  ],
  ["a sibling's rule does not count", [[{ kind: "prefix", name: "example.com/ap" }, reject]], [good(A)], "accept"],
];

test.each(TABLE)("decide() with %s", (_title, rules, signatures, want) => {
  const policy = {
    rules: rules.map(([scope, require]) => ({ scope, require })),
    exceptions: [],
    hash: "",
    trustRoots: new Map(),
  };
  const got = decide(policy, {
    name: "example.com/app",
    manifestDigest: "sha256:1",
    signatures,
    nowMs: 0,
    insecure: false,
  });
  expect(got.kind === "accept" ? "accept" : got.code).toBe(want);
});

test("decide() honours an exception until it expires, and only for its digest", () => {
  const policy = {
    rules: [],
    exceptions: [{ scope: APP, reason: "migration", expiresAtMs: 10, digest: "sha256:1" }],
    hash: "",
    trustRoots: new Map(),
  };
  const input = { name: "example.com/app", manifestDigest: "sha256:1", signatures: [], nowMs: 9, insecure: false };
  expect(decide(policy, input).kind).toBe("accept");
  expect(decide(policy, { ...input, nowMs: 10 }).kind).toBe("refuse");
  expect(decide(policy, { ...input, manifestDigest: "sha256:2" }).kind).toBe("refuse");
});

test("parsePolicyFile() lists every problem with its path", () => {
  const text = JSON.stringify({
    gantryKind: "policy",
    gantryVersion: "v2",
    extra: 1,
    rules: [{ scope: { kind: "prefix", name: "a//b" }, require: { anyOf: ["short"], allOf: [] } }],
    exceptions: [{ scope: { kind: "root" }, reason: "", expires: "tomorrow" }],
  });
  const paths = parsePolicyFile(text).problems.map((problem) => problem.split(":")[0] ?? "");
  expect(paths).toEqual([
    "$.extra",
    "$.gantryVersion",
    "$.rules[0].scope.name",
    "$.rules[0].require",
    "$.exceptions[0].reason",
    "$.exceptions[0].expires",
  ]);
});
