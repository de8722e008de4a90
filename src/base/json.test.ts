import { expect, test } from "bun:test";
import { EngineError } from "./errors.ts";
import { canonicalJson, parseJsonStrict } from "./json.ts";

const limitBytes = 2_000_000;

function codeOf(input: Uint8Array | string, limit = limitBytes): string {
  try {
    parseJsonStrict(input, { limitBytes: limit });
  } catch (reason) {
    return reason instanceof EngineError ? reason.code : String(reason);
  }
  return "nothing thrown";
}

test.each([
  "{}",
  "[]",
  ' {"a" : [1, -2.5e3, "x\\u0041", null, true]}\n',
  '"x"',
  "0",
  '{"__proto__":1}',
  `"${"a".repeat(1_000_000)}"`,
])("parseJsonStrict() reads what JSON.parse reads (%#)", (text) =>
  expect(parseJsonStrict(text, { limitBytes })).toEqual(JSON.parse(text)),
);

test.each([
  '{"a":1,"a":2}',
  '{"a":1,"\\u0061":2}',
  '{"x":{"b":1,"b":1}}',
  "",
  "{",
  "[1,]",
  '{"a":1,}',
  "01",
  "1 2",
  "\ufeff{}",
  '"\n"',
  "'a'",
  "nul",
  "[".repeat(65) + "]".repeat(65),
  "[".repeat(500_000),
  "NaN",
  "{a:1}",
])("parseJsonStrict() refuses malformed or ambiguous text (%#)", (text) => {
  expect(codeOf(text)).toBe("base/bad-json");
});

test("parseJsonStrict() refuses invalid UTF-8 and too many bytes", () => {
  expect(codeOf(new Uint8Array([0x22, 0xff, 0x22]))).toBe("base/bad-json");
  expect(codeOf("[1,2,3]", 6)).toBe("base/bad-json");
  expect(codeOf("[1,2,3]", 7)).toBe("nothing thrown");
});

test("canonicalJson() sorts keys at every level, also those that look like numbers", () => {
  expect(canonicalJson({ b: 1, a: [{ d: undefined, c: "é" }], "10": 1, "9": 2 })).toBe(
    '{"10":1,"9":2,"a":[{"c":"é"}],"b":1}',
  );
});
