import { expect, test } from "bun:test";
import { joinStage1Policies, parseStage1Policy } from "./stage1-policy.ts";

test("parseStage1Policy() reads default and rules, and names where each is from", () => {
  const text = '{"default":"oci","rules":[{"prefix":"","never":["fly"]}]}';
  expect(parseStage1Policy(text, "f")).toEqual({ default: "oci", rules: [{ prefix: "", never: ["fly"], from: "f" }] });
});

test("joinStage1Policies() adds rules up and lets the strongest default win", () => {
  const weak = parseStage1Policy('{"default":"oci","rules":[{"prefix":"","never":["fly"]}]}', "vendor");
  const strong = parseStage1Policy('{"default":"kvm"}', "admin");
  expect(joinStage1Policies([weak, strong])).toEqual({ default: "kvm", rules: weak.rules });
});

test("parseStage1Policy() refuses what it does not know, with the file", () => {
  for (const text of [
    "",
    "[]",
    '{"defualt":"x"}',
    '{"rules":[{"only":["x"]}]}',
    '{"rules":[{"prefix":"a*","only":["x"]}]}',
    '{"rules":[{"prefix":"","only":[]}]}',
    '{"default":"a","default":"b"}',
  ])
    expect(() => parseStage1Policy(text, "f")).toThrowCode("pod/bad-option");
});
