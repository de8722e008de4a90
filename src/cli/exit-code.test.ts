import { expect, test } from "bun:test";
import { EngineError } from "../base/errors.ts";
import { exitCodeOf } from "./exit-code.ts";

test("exitCodeOf() tells refusals, missing things and bugs apart", () => {
  expect(exitCodeOf(new EngineError("trust/unsigned", "x"))).toBe(4);
  expect(exitCodeOf(new EngineError("pod/not-found", "x"))).toBe(3);
  expect(exitCodeOf(new EngineError("nobody/knows", "x"))).toBe(70);
  expect(exitCodeOf(new TypeError("x"))).toBe(70);
});
