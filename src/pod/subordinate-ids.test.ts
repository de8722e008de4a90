import { expect, test } from "bun:test";
import { DEFAULT_ID_RANGE, parseSubordinateIds } from "./subordinate-ids.ts";

test("parseSubordinateIds() reads every line of containers, and no other", () => {
  const found = parseSubordinateIds({
    subuid: "alice:1:2\ncontainers:100000:65536\n\ncontainers:300000:10\n",
    subgid: "containers:5:6\n",
  });
  expect(found).toEqual({
    uids: [
      { start: 100_000, size: 65_536 },
      { start: 300_000, size: 10 },
    ],
    gids: [{ start: 5, size: 6 }],
  });
});

test("parseSubordinateIds() has a range where the administrator says nothing", () => {
  const found = parseSubordinateIds({ subuid: "alice:1:2\n", subgid: "" });
  expect(found).toEqual({ uids: [DEFAULT_ID_RANGE], gids: [DEFAULT_ID_RANGE] });
  expect(DEFAULT_ID_RANGE.start + DEFAULT_ID_RANGE.size).toBeLessThan(0xffff_ffff);
});

test.each([
  ["containers:1:2\n", ""],
  ["", "containers:1:2\n"],
  ["containers:a:2\n", "containers:1:2\n"],
  ["containers:1:2:3\n", "containers:1:2\n"],
  ["containers:4294967295:2\n", "containers:1:2\n"],
])("parseSubordinateIds() refuses %p with %p", (subuid, subgid) => {
  expect(() => parseSubordinateIds({ subuid, subgid })).toThrowCode("pod/no-id-range");
});
