import { describe, expect, test } from "bun:test";
import type { Descriptor } from "./descriptor.ts";
import { digestOf } from "./digest.ts";
import { choosePlatform, formatPlatform, hostPlatform, matchPlatform, parsePlatform } from "./platform.ts";

function entry(platform: string | undefined): Descriptor {
  const base = { mediaType: "application/x", digest: digestOf(platform ?? ""), sizeBytes: 1, annotations: {} };
  return platform === undefined ? base : { ...base, platform: parsePlatform(platform) };
}

describe("parsePlatform()", () => {
  test("reads what formatPlatform writes", () =>
    expect(formatPlatform(parsePlatform("linux/arm64/v8"))).toBe("linux/arm64/v8"));
  test('refuses "linux"', () => expect(() => parsePlatform("linux")).toThrowCode("image/bad-platform"));
});

describe("choosePlatform()", () => {
  const choose = (want: string, ...have: (string | undefined)[]) =>
    choosePlatform(have.map(entry), parsePlatform(want)).digest;

  test("takes the host's entry", () =>
    expect(choose("linux/amd64", "linux/arm64", "linux/amd64")).toBe(entry("linux/amd64").digest));
  test("takes arm64/v8 for arm64", () =>
    expect(choose("linux/arm64", "linux/arm64/v8")).toBe(entry("linux/arm64/v8").digest));
  test("prefers the highest variant that runs", () =>
    expect(choose("linux/arm/v7", "linux/arm/v5", "linux/arm/v6", "linux/arm/v8")).toBe(entry("linux/arm/v6").digest));
  test("does not take amd64/v3 for plain amd64", () =>
    expect(() => choose("linux/amd64", "linux/amd64/v3")).toThrowCode("image/no-platform"));
  test("takes the only entry without platform", () =>
    expect(choose("linux/amd64", undefined)).toBe(entry(undefined).digest));
  test("refuses two entries without platform", () =>
    expect(() => choose("linux/amd64", undefined, undefined)).toThrowCode("image/no-platform"));
  test("refuses another system", () =>
    expect(() => choose("linux/amd64", "windows/amd64")).toThrowCode("image/no-platform"));
});

test("hostPlatform() speaks Go", () => {
  expect(formatPlatform(hostPlatform("x64"))).toBe("linux/amd64");
  expect(matchPlatform(hostPlatform("arm64"), parsePlatform("linux/arm64/v8"))).toBeGreaterThan(0);
});
