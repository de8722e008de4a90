import { expect, test } from "bun:test";
import { matchesIdentity } from "./match-identity.ts";
import type { IdentityMatch } from "./policy.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
const exact: IdentityMatch = { type: "matchExact" };
const usual: IdentityMatch = { type: "matchRepoDigestOrExact" };
const repository: IdentityMatch = { type: "matchRepository" };
const remap: IdentityMatch = { type: "remapIdentity", prefix: "mirror.io/up", signedPrefix: "example.com" };

test.each<[IdentityMatch, string, string | undefined, boolean]>([
  [exact, "example.com/app:1", "example.com/app:1", true],
  [exact, "example.com/app:2", "example.com/app:1", false],
  [exact, "example.com/app", "example.com/app:1", false],
  [exact, "example.com/app:1", `example.com/app@${DIGEST}`, false],
  [exact, `example.com/app@${DIGEST}`, `example.com/app@${DIGEST}`, true],
  [exact, "example.com/app:1", undefined, false],
  [exact, "busybox:1", "docker.io/library/busybox:1", true],
  [usual, "example.com/app:1", "example.com/app:1", true],
  [usual, "example.com/app:2", "example.com/app:1", false],
  [usual, "example.com/app:2", `example.com/app@${DIGEST}`, true],
  [usual, "example.com/app", `example.com/app@${DIGEST}`, false],
  [usual, "example.com/other:2", `example.com/app@${DIGEST}`, false],
  [repository, "example.com/app:9", "example.com/app:1", true],
  [repository, "example.com/app", "example.com/app:1", true],
  [repository, "example.com/app-x:1", "example.com/app:1", false],
  [{ type: "exactReference", dockerReference: "a.io/b:1" }, "a.io/b:1", undefined, true],
  [{ type: "exactReference", dockerReference: "a.io/b:1" }, "a.io/b:2", "a.io/b:2", false],
  [{ type: "exactRepository", dockerRepository: "a.io/b" }, "a.io/b:7", undefined, true],
  [{ type: "exactRepository", dockerRepository: "a.io/b" }, "a.io/c:7", undefined, false],
  [remap, "example.com/app:1", "mirror.io/up/app:1", true],
  [remap, "mirror.io/up/app:1", "mirror.io/up/app:1", false],
  [remap, "mirror.io/up-x/app:1", "mirror.io/up-x/app:1", true],
  [remap, "example.com/app:3", `mirror.io/up/app@${DIGEST}`, true],
  [usual, "no reference!", "example.com/app:1", false],
  [usual, "example.com/app:1,os=linux", "example.com/app:1", false],
])("matchesIdentity() %j: %s for %s is %p", (match, claimed, intended, want) => {
  expect(matchesIdentity(match, claimed, intended)).toBe(want);
});
