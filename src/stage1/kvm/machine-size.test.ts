import { expect, test } from "bun:test";
import type { PodManifest } from "../../pod/manifest.ts";
import { DEFAULT_MEMORY_MIB, GUEST_OVERHEAD_MIB, planMachineSize } from "./machine-size.ts";

const pod = (...limits: readonly object[]) =>
  ({ apps: limits.map((one) => ({ limits: one })) }) as unknown as PodManifest;

test("planMachineSize() adds up what the apps may use, with the default for those without a limit", () => {
  expect(planMachineSize(pod({}), 8)).toEqual({ memoryMib: DEFAULT_MEMORY_MIB + GUEST_OVERHEAD_MIB, cpus: 4 });
  const limited = pod(
    { memoryBytes: 100 * 1024 * 1024 + 1, cpuMillis: 500 },
    { memoryBytes: 1024 * 1024, cpuMillis: 1600 },
  );
  expect(planMachineSize(limited, 8)).toEqual({ memoryMib: 102 + GUEST_OVERHEAD_MIB, cpus: 3 });
  expect(planMachineSize(pod({ cpuMillis: 64_000 }), 2).cpus).toBe(2);
});
