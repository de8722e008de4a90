import { describe, expect, test } from "bun:test";
import { splitEntryPath } from "./entry-path.ts";
import { parseWhiteout } from "./whiteout.ts";

describe("parseWhiteout()", () => {
  test("knows files, whiteouts, opaque marks and bookkeeping", () => {
    expect(parseWhiteout("a.wh.b")).toEqual({ kind: "none" });
    expect(parseWhiteout(".wh.b")).toEqual({ kind: "hide", name: "b" });
    expect(parseWhiteout(".wh..wh..opq")).toEqual({ kind: "opaque" });
    expect(parseWhiteout(".wh..wh.plnk")).toEqual({ kind: "ignore" });
  });
  for (const name of [".wh.", ".wh..", ".wh..."]) {
    test(`refuses "${name}"`, () => expect(() => parseWhiteout(name)).toThrowCode("image/bad-layer"));
  }
});

describe("splitEntryPath()", () => {
  test("counts absolute paths from the root and folds dots", () => {
    expect(splitEntryPath("/a/./b//c/../d/")).toEqual(["a", "b", "d"]);
    expect(splitEntryPath("./")).toEqual([]);
  });
  for (const path of ["..", "a/../../b", "/../etc", "a\0b", "n".repeat(256), "a/".repeat(3000)]) {
    test(`refuses ${JSON.stringify(path.slice(0, 12))}`, () =>
      expect(() => splitEntryPath(path)).toThrowCode("image/bad-layer"));
  }
});
