import { expect, test } from "bun:test";
import { allocateIds, type IdChoice } from "./allocate-ids.ts";

const allocate = (choice: Partial<IdChoice>) =>
  allocateIds({ what: "user", size: 10, fixed: [], offered: [{ start: 100, size: 40 }], taken: [], ...choice }).map(
    ({ containerId, hostId, size }) => [containerId, hostId, size],
  );

test("allocateIds() takes the first range that is free and large enough", () => {
  expect(allocate({})).toEqual([[0, 100, 10]]);
  expect(allocate({ taken: [{ start: 100, size: 10 }] })).toEqual([[0, 110, 10]]);
  expect(allocate({ taken: [{ start: 105, size: 10 }] })).toEqual([[0, 115, 10]]);
});

test("allocateIds() puts pieces together when no range is large enough", () => {
  const taken = [
    { start: 106, size: 10 },
    { start: 120, size: 18 },
  ];
  expect(allocate({ taken })).toEqual([
    [0, 100, 6],
    [6, 116, 4],
  ]);
});

test("allocateIds() gives fixed ids what they ask for and nobody else the same", () => {
  const fixed = [
    { containerId: 4, hostId: 102, size: 2 },
    { containerId: 1000, hostId: 1000, size: 1 },
  ];
  expect(allocate({ fixed })).toEqual([
    [0, 104, 4],
    [4, 102, 2],
    [6, 108, 4],
    [1000, 1000, 1],
  ]);
});

test("allocateIds() tells too few from taken ones", () => {
  expect(() => allocate({ size: 41 })).toThrowCode("pod/no-id-range");
  expect(() => allocate({ size: 31, taken: [{ start: 120, size: 10 }] })).toThrowCode("pod/ids-taken");
});
