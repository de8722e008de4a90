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
    await new PodCgroup(
      layout.hierarchies.map((hierarchy) => ({ path: `${hierarchy.mountPoint}/gantry-test`, hierarchy })),
    ).remove();
  }
  expect(whole.paths.filter((path) => existsSync(path))).toEqual([]);
});
