import { expect, test } from "bun:test";
import { parseChallenges } from "./parse-challenges.ts";

test("parseChallenges() reads quoted strings, escapes and several challenges", () => {
  const header =
    'Basic realm="a, \\"b\\"", Bearer realm="https://auth.example/token",service="r, s" , scope="repository:a/b:pull,push"';
  expect(parseChallenges(header).map(({ scheme, params }) => ({ scheme, params: { ...params } }))).toEqual([
    { scheme: "basic", params: { realm: 'a, "b"' } },
    {
      scheme: "bearer",
      params: { realm: "https://auth.example/token", service: "r, s", scope: "repository:a/b:pull,push" },
    },
  ]);
});

test("parseChallenges() stops at what it cannot read, and takes at most eight", () => {
  expect(parseChallenges('Bearer realm="open')).toMatchObject([{ scheme: "bearer" }]);
  expect(parseChallenges("\u0000")).toEqual([]);
  expect(parseChallenges("Negotiate")).toMatchObject([{ scheme: "negotiate" }]);
  expect(parseChallenges(Array(50).fill("Basic").join(", ")).length).toBe(8);
});
