import { expect, test } from "bun:test";
import { parseEntryPoints } from "./entry-points.ts";

const GOOD = {
  "dev.gantry/stage1/interface-version": "1",
  "dev.gantry/stage1/regime": "shell",
  "dev.gantry/stage1/run": "/run",
  "dev.gantry/stage1/enter": "/bin/enter",
  "dev.gantry/stage1/stop": "/stop",
  "dev.gantry/stage1/gc": "/gc",
};

test("parseEntryPoints() reads the programs, attach only where it is named", () => {
  expect(parseEntryPoints(GOOD, "i")).toEqual({
    name: "shell",
    run: "/run",
    enter: "/bin/enter",
    stop: "/stop",
    gc: "/gc",
  });
  expect(parseEntryPoints({ ...GOOD, "dev.gantry/stage1/attach": "/a" }, "i").attach).toBe("/a");
});

test("parseEntryPoints() refuses other versions, missing entries and paths that lead elsewhere", () => {
  for (const change of [
    { "dev.gantry/stage1/interface-version": "2" },
    { "dev.gantry/stage1/regime": "no name" },
    { "dev.gantry/stage1/run": "relative" },
    { "dev.gantry/stage1/run": "/../run" },
    { "dev.gantry/stage1/gc": "/a//b" },
    { "dev.gantry/stage1/attach": "/" },
  ]) {
    expect(() => parseEntryPoints({ ...GOOD, ...change }, "i")).toThrowCode("stage1/bad-image");
  }
  const { "dev.gantry/stage1/stop": _, ...without } = GOOD;
  expect(() => parseEntryPoints(without, "i")).toThrowCode("stage1/bad-image");
});
