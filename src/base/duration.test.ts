import { expect, test } from "bun:test";
import { concatBytes, formatBytes } from "./bytes.ts";
import { parseDuration } from "./duration.ts";
import { EngineError } from "./errors.ts";

test.each([
  ["0", 0],
  ["500ms", 500],
  ["30m", 1_800_000],
  ["1h30m", 5_400_000],
  ["1d", 86_400_000],
  ["1.5s", 1500],
] as const)("parseDuration() reads %s", (text, ms) => expect(parseDuration(text)).toBe(ms));

test.each(["", "5", "-1s", "1y", "1 h", "s", "1..5s", `${"9".repeat(60)}w`])("parseDuration() refuses %j", (text) => {
  let code = "";
  try {
    parseDuration(text);
  } catch (reason) {
    code = reason instanceof EngineError ? reason.code : String(reason);
  }
  expect(code).toBe("base/bad-duration");
});

test("formatBytes() rounds for people", () => {
  expect([0, 1023, 1536, 262_144_000].map(formatBytes)).toEqual(["0 B", "1023 B", "1.5 KiB", "250 MiB"]);
});

test("concatBytes() keeps the order", () => {
  expect(concatBytes([new Uint8Array([1]), new Uint8Array(), new Uint8Array([2, 3])])).toEqual(
    new Uint8Array([1, 2, 3]),
  );
});
