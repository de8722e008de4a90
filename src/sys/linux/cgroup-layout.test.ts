import { expect, test } from "bun:test";
import { type CgroupHierarchy, withoutIdleUnified } from "./cgroup-layout.ts";

const memory: CgroupHierarchy = {
  version: 1,
  mountPoint: "/sys/fs/cgroup/memory",
  controllers: ["memory"],
  ownPath: "/a",
};
const unified: CgroupHierarchy = { version: 2, mountPoint: "/sys/fs/cgroup/unified", controllers: [], ownPath: "/" };

test("withoutIdleUnified() leaves out a v2 tree that neither limits nor tells processes apart", () => {
  const { hierarchies } = withoutIdleUnified({ kind: "hybrid", hierarchies: [memory, unified] });
  expect(hierarchies).toEqual([memory]);
});

test("withoutIdleUnified() keeps a v2 tree that a service manager follows this process in", () => {
  const followed = { ...unified, ownPath: "/system.slice/agent.service" };
  const layout = { kind: "hybrid" as const, hierarchies: [memory, followed] };
  expect(withoutIdleUnified(layout)).toEqual(layout);
});

test("withoutIdleUnified() keeps a v2 tree that limits, or is the only one", () => {
  const limiting = { ...unified, controllers: ["memory"] };
  const hybrid = { kind: "hybrid" as const, hierarchies: [memory, limiting] };
  expect(withoutIdleUnified(hybrid)).toEqual(hybrid);
  const alone = { kind: "unified" as const, hierarchies: [unified] };
  expect(withoutIdleUnified(alone)).toEqual(alone);
});
