import { expect, test } from "bun:test";
import { EngineError } from "../base/errors.ts";

test("toThrowCode() accepts the code of a thrown error", () => {
  expect(() => {
    throw new EngineError("base/some", "Cannot test: on purpose");
  }).toThrowCode("base/some");
});

test("toThrowCode() refuses another code, no code and no error", () => {
  const fail = (): never => {
    throw new EngineError("base/other", "Cannot test: on purpose");
  };
  expect(() => expect(fail).toThrowCode("base/some")).toThrow('got "base/other"');
  expect(() => expect(() => 1).toThrowCode("base/some")).toThrow("nothing was thrown");
  expect(() => expect(() => fail.call(undefined)).not.toThrowCode("base/some")).not.toThrow();
});

test("toThrowCode() works on promises, async functions and after .rejects", async () => {
  const rejected = (): Promise<never> => Promise.reject(new EngineError("base/some", "Cannot test: on purpose"));
  await expect(rejected()).rejects.toThrowCode("base/some");
  await expect(rejected()).toThrowCode("base/some");
  await expect(async () => rejected()).toThrowCode("base/some");
});
