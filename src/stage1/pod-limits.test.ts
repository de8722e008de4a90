import { expect, test } from "bun:test";
import type { AppLimits } from "../pod/limits.ts";
import { parseAppName } from "../pod/names.ts";
import { planPodLimits, renderLimits } from "./pod-limits.ts";

const app = (name: string, limits?: AppLimits) => ({
  name: parseAppName(name),
  ...(limits === undefined ? {} : { limits }),
});
const MIB = 1024 * 1024;

test("planPodLimits() adds up what every app has, and leaves the rest unlimited", () => {
  const both = [app("a", { memoryBytes: 64 * MIB, cpuMillis: 500 }), app("b", { memoryBytes: 32 * MIB })];
  expect(planPodLimits(both)).toEqual({ limits: { memoryBytes: 96 * MIB }, notes: [] });
  expect(planPodLimits([app("a", { memoryBytes: 64 * MIB }), app("b")]).limits).toEqual({});
});

test("planPodLimits() raises what the pod's systemd could not start with, and says so", () => {
  const { limits, notes } = planPodLimits([app("a", { memoryBytes: MIB })]);
  expect(limits.memoryBytes).toBe(24 * MIB);
  expect(notes).toHaveLength(1);
});

test("renderLimits() writes unit lines", () => {
  expect(renderLimits(app("a", { memoryBytes: MIB, cpuMillis: 1500, pids: 7 }))).toEqual([
    "MemoryMax=1048576",
    "CPUQuota=150%",
    "TasksMax=7",
  ]);
  expect(renderLimits(app("a"))).toEqual(["TasksMax=infinity"]);
});
