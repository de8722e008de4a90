import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { detectCgroupLayout } from "./cgroup-layout.ts";
import { PodCgroup } from "./pod-cgroup.ts";

test("PodCgroup holds processes in every hierarchy, limits them, kills them and disappears", async () => {
  const layout = detectCgroupLayout();
  const group = PodCgroup.create(layout, `test-${process.pid}/app`, "gantry-test");
  const whole = PodCgroup.at(layout, `test-${process.pid}`, "gantry-test");
  const script = 'for file; do echo 0 > "$file" || exit; done; echo; exec sleep 60';
  const child = Bun.spawn(["sh", "-c", script, "sh", ...group.joinFiles], { stdout: "pipe" });
  try {
    await child.stdout.getReader().read(); // when it has joined
    const member = readFileSync(`/proc/${child.pid}/cgroup`, "utf8").trim().split("\n");
    const joined = member.filter((line) => line.endsWith(`/gantry-test/test-${process.pid}/app`));
    expect(joined).toHaveLength(group.paths.length);
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
