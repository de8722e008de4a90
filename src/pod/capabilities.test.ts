import { expect, test } from "bun:test";
import "../testing/to-throw-code.ts";
import { readFileSync } from "node:fs";
import { CAPABILITY_NAMES, capabilityMask, DEFAULT_CAPABILITIES, planCapabilities } from "./capabilities.ts";

test("CAPABILITY_NAMES has as many names as this kernel has capabilities, or fewer than a newer one", () => {
  const last = Number(readFileSync("/proc/sys/kernel/cap_last_cap", "utf8"));
  expect(last).toBeGreaterThanOrEqual(CAPABILITY_NAMES.length - 1);
});

test("planCapabilities() drops first, then adds; ALL stands for every one", () => {
  expect(planCapabilities({ add: [], drop: [] })).toEqual([...DEFAULT_CAPABILITIES].sort());
  expect(planCapabilities({ add: ["cap_net_admin"], drop: ["CHOWN"] })).toContain("NET_ADMIN");
  expect(planCapabilities({ add: [], drop: ["CHOWN"] })).not.toContain("CHOWN");
  expect(planCapabilities({ add: ["KILL"], drop: ["ALL"] })).toEqual(["KILL"]);
  expect(planCapabilities({ add: ["ALL"], drop: ["SYS_ADMIN"] })).toEqual(
    [...CAPABILITY_NAMES].filter((name) => name !== "SYS_ADMIN").sort(),
  );
  expect(() => planCapabilities({ add: ["FLY"], drop: [] })).toThrowCode("pod/bad-option");
});

test("capabilityMask() has one bit a capability, by its number", () => {
  expect(capabilityMask(["CHOWN", "KILL", "CHECKPOINT_RESTORE"])).toBe(1n | (1n << 5n) | (1n << 40n));
  expect(capabilityMask(DEFAULT_CAPABILITIES)).toBe(0x800405fbn);
});
