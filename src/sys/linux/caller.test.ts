import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { readCallerFacts } from "./caller.ts";

test("readCallerFacts() counts from boot, not from the start of the process, and never backwards", () => {
  const { monotonicNs } = readCallerFacts();
  const uptimeNs = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1e9;
  const first = monotonicNs();
  expect(first).toBeGreaterThan(uptimeNs - 1e9);
  expect(monotonicNs()).toBeGreaterThanOrEqual(first);
});

test("readCallerFacts() names the boot and the calling program", () => {
  const { bootId, caller } = readCallerFacts();
  expect(bootId).toMatch(/^[0-9a-f-]{36}$/);
  expect(caller.pid).toBe(process.ppid);
  expect(caller.command).not.toBe("");
});
