import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { detectCgroupLayout } from "./cgroup-layout.ts";
import { PodCgroup } from "./pod-cgroup.ts";

test("PodCgroup holds processes in every hierarchy, limits them, kills them and disappears", async () => {
  const layout = detectCgroupLayout();
  const group = PodCgroup.create(layout, `test-${process.pid}/app`, "gantry-test");
  const whole = PodCgroup.at(layout, `test-${process.pid}`, "gantry-test");
  const child = Bun.spawn(["sleep", "60"]);
  try {
    group.join(child.pid);
    expect(whole.pids()).toContain(child.pid);
    expect(group.setLimits({ memoryBytes: 64 * 1024 * 1024, pids: 10 })).toEqual([]);
    if (layout.kind !== "unified") expect(group.setDevicePolicy()).toBe(true);
  } finally {
    await whole.killAll();
    await child.exited;
    await whole.remove();
  }
  const left = layout.hierarchies.map((hierarchy) => `${hierarchy.mountPoint}/gantry-test`);
  expect(left.filter((path) => existsSync(path))).toEqual([]);
});

test("PodCgroup.remove() keeps the common parent while another pod is in it", async () => {
  const layout = detectCgroupLayout();
  const [one, other] = ["one", "other"].map((name) => PodCgroup.create(layout, name, "gantry-test-pair"));
  await one?.remove();
  expect(other?.paths.every((path) => existsSync(path))).toBe(true);
  await other?.remove();
  const left = layout.hierarchies.map((hierarchy) => `${hierarchy.mountPoint}/gantry-test-pair`);
  expect(left.filter((path) => existsSync(path))).toEqual([]);
});
