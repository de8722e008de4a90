import { expect, test } from "bun:test";
import { envValue, mergeEnv } from "./environment.ts";

test("mergeEnv() lets later values win in the first one's place, and drops what is no variable", () => {
  expect(mergeEnv(["A=1", "B=2"], ["A=3=4", "C="], ["nothing", "=x"])).toEqual(["A=3=4", "B=2", "C="]);
});

test("envValue() takes the last entry and tells empty from missing", () => {
  expect(envValue(["A=1", "A=2"], "A")).toBe("2");
  expect([envValue(["A="], "A"), envValue(["AB=1"], "A")]).toEqual(["", undefined]);
});
