import { expect, test } from "bun:test";
import { parseLimits } from "./parse-limits.ts";

test("parseLimits() reads sizes in binary units, cores and counts", () => {
  expect(parseLimits({ memory: "64m", cpus: "1.5", pids: "20" })).toEqual({
    memoryBytes: 64 * 1024 * 1024,
    cpuMillis: 1500,
    pids: 20,
  });
  expect(parseLimits({ memory: "1.5GiB", cpus: undefined, pids: undefined })).toEqual({ memoryBytes: 1610612736 });
  expect(parseLimits({ memory: undefined, cpus: undefined, pids: undefined })).toBeUndefined();
});

test("parseLimits() refuses what is no amount, or too little to start anything", () => {
  for (const memory of ["", "x", "-1", "1z", "100", "1e9"]) {
    expect(() => parseLimits({ memory, cpus: undefined, pids: undefined })).toThrowCode("cli/usage");
  }
  expect(() => parseLimits({ memory: undefined, cpus: "0", pids: undefined })).toThrowCode("cli/usage");
  expect(() => parseLimits({ memory: undefined, cpus: undefined, pids: "0" })).toThrowCode("cli/usage");
});
