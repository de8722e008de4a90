import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { planDevices } from "./devices.ts";

const dir = mkdtempSync(join(tmpdir(), "gantry-devices-"));
afterAll(() => rmSync(dir, { recursive: true }));

const option = (source: string) => ({ source, target: "/dev/x", access: "rwm" });

test("planDevices() takes a device by its numbers, and refuses what is none", () => {
  expect(planDevices([option("/dev/null")])).toMatchObject([{ path: "/dev/x", type: "c", major: 1, minor: 3 }]);
  expect(() => planDevices([option("/etc/passwd")])).toThrowCode("stage1/no-device");
});

test("planDevices() gives up on a tree, and on a list, that goes beyond its limits", () => {
  mkdirSync(join(dir, "few/sub"), { recursive: true });
  writeFileSync(join(dir, "few/file"), "");
  expect(planDevices([option(join(dir, "few"))])).toEqual([]);
  expect(() => planDevices([option("/usr")])).toThrow(/8192 files/);
  expect(planDevices(Array.from({ length: 512 }, () => option("/dev/null")))).toHaveLength(512);
  expect(() => planDevices(Array.from({ length: 513 }, () => option("/dev/null")))).toThrowCode("stage1/no-device");
});
