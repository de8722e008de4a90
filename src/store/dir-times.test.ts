import { expect, test } from "bun:test";
import { DirTimes } from "./dir-times.ts";

test("DirTimes gives back what was set, the last time of a path, the root as no names", () => {
  const times = new DirTimes();
  times.set([], 1n);
  times.set(["a", "b"], 2n);
  times.set(["a", "b"], 3n);
  expect([...times.entries()]).toEqual([
    { names: [], mtimeNs: 1n },
    { names: ["a", "b"], mtimeNs: 3n },
  ]);
});

test("DirTimes refuses to remember without end", () => {
  const times = new DirTimes();
  const long = "x".repeat(1_000_000);
  expect(() => {
    for (let i = 0; i < 100; i++) times.set([long, String(i)], 0n);
  }).toThrowCode("image/too-large");
});
