import { expect, test } from "bun:test";
import { CliError } from "./errors.ts";
import { parseDuration } from "./parse-duration.ts";

test("parseDuration() adds its parts, and counts a bare number in seconds", () => {
  expect(["90s", "1h30m", "250ms", "2d", "5", "0s"].map(parseDuration)).toEqual([
    90_000, 5_400_000, 250, 172_800_000, 5000, 0,
  ]);
});

test("parseDuration() refuses anything else", () => {
  for (const bad of ["", "x", "1y", "-1s", "1s2"]) expect(() => parseDuration(bad)).toThrow(CliError);
});
