import { expect, test } from "bun:test";
import { assertIdMappings, hostIdOf, parseIdMapFile, podIdOf, subtractRanges } from "./id-mappings.ts";

const HOST = [{ start: 0, size: 0xffff_ffff }];
const map = (...triples: readonly (readonly [number, number, number])[]) =>
  triples.map(([containerId, hostId, size]) => ({ containerId, hostId, size }));
const assertUids = (uidMappings: ReturnType<typeof map>, host = HOST) =>
  assertIdMappings({ uidMappings, gidMappings: map([0, 0, 1]) }, { uids: host, gids: HOST });

test("assertIdMappings() takes maps that touch and the last id there is", () => {
  assertUids(map([0, 100, 10], [10, 90, 10], [0xffff_fffe - 1, 200, 1], [500, 0xffff_fffe, 1]));
});

test.each([
  ["nothing", map()],
  ["no root", map([1, 100, 10])],
  ["size 0", map([0, 100, 10], [20, 200, 0])],
  ["an id that means none", map([0, 0xffff_ffff, 1])],
  ["too many ids", map([0, 0xffff_fff0, 0x100])],
  ["an overlap inside", map([0, 100, 10], [9, 200, 10])],
  ["an overlap on the host", map([0, 100, 10], [10, 109, 10])],
  [
    "more lines than the kernel takes",
    Array.from({ length: 341 }, (_, at) => ({ containerId: at, hostId: at, size: 1 })),
  ],
])("assertIdMappings() refuses %s", (_what, bad) => {
  expect(() => assertUids(bad)).toThrowCode("pod/bad-option");
});

test("assertIdMappings() refuses ids that this process does not have itself", () => {
  const own = [
    { start: 0, size: 1000 },
    { start: 1000, size: 1000 },
  ];
  assertUids(map([0, 500, 1000]), own);
  expect(() => assertUids(map([0, 1500, 1000]), own)).toThrowCode("pod/bad-option");
});

test("ids are found in both directions", () => {
  const maps = map([0, 1000, 10], [100, 50, 5]);
  expect([0, 9, 10, 104].map((id) => hostIdOf(maps, id))).toEqual([1000, 1009, undefined, 54]);
  expect([1000, 54, 55, 0].map((id) => podIdOf(maps, id))).toEqual([0, 104, 65_534, 65_534]);
});

test("parseIdMapFile() reads what the kernel writes", () => {
  expect(parseIdMapFile("         0          0 4294967295\n        10 200 3\n")).toEqual([
    { start: 0, size: 4_294_967_295 },
    { start: 10, size: 3 },
  ]);
});

test("subtractRanges() leaves what nobody has, in order", () => {
  const ranges = [
    { start: 100, size: 50 },
    { start: 0, size: 10 },
  ];
  const taken = [
    { start: 5, size: 100 },
    { start: 120, size: 1 },
  ];
  expect(subtractRanges(ranges, taken)).toEqual([
    { start: 0, size: 5 },
    { start: 105, size: 15 },
    { start: 121, size: 29 },
  ]);
});
