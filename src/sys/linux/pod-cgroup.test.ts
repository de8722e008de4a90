import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
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

test("PodCgroup can be joined although another start has only just made what is above it", () => {
  const layout = detectCgroupLayout();
  const base = "gantry-test-new";
  for (const { mountPoint } of layout.hierarchies) mkdirSync(`${mountPoint}/${base}`);
  const group = PodCgroup.create(layout, "pod", base);
  try {
    const visit = group.visit();
    expect(group.pids()).toContain(process.pid);
    visit.leave();
    expect(group.pids()).toEqual([]);
  } finally {
    expect(group.tryRemove()).toBe(true);
  }
});

test("PodCgroup.visit() joins every hierarchy or none", () => {
  const layout = detectCgroupLayout();
  const group = PodCgroup.create(layout, "pod", "gantry-test-empty");
  const before = readFileSync("/proc/self/cgroup", "utf8");
  try {
    const cpuset = group.dirs.find(
      ({ hierarchy: { version, controllers } }) => version === 1 && controllers.includes("cpuset"),
    );
    if (cpuset === undefined) return; // with one hierarchy there is nothing between all and none
    writeFileSync(`${cpuset.path}/cpuset.cpus`, "\n");
    expect(() => group.visit()).toThrow();
    expect(readFileSync("/proc/self/cgroup", "utf8")).toBe(before);
  } finally {
    group.tryRemove();
  }
});
