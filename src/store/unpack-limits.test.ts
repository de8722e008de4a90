import { expect, test } from "bun:test";
import { DEFAULT_UNPACK_LIMITS, unpackedByteLimit } from "./unpack-limits.ts";

test("unpackedByteLimit() leaves small layers a gibibyte and large ones 250 times their size, up to the limit", () => {
  expect(unpackedByteLimit(DEFAULT_UNPACK_LIMITS, 10)).toBe(1024 ** 3);
  expect(unpackedByteLimit(DEFAULT_UNPACK_LIMITS, 10 * 1024 ** 2)).toBe(2500 * 1024 ** 2);
  expect(unpackedByteLimit(DEFAULT_UNPACK_LIMITS, 1024 ** 4)).toBe(100 * 1024 ** 3);
  expect(unpackedByteLimit({ maxUnpackedBytes: 5, maxEntries: 1 }, 10)).toBe(5);
});
