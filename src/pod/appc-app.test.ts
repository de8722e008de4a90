import { describe, expect, test } from "bun:test";
import { parseAciManifest } from "../image/aci/manifest.ts";
import { planAppc } from "./appc-app.ts";
import { planAppcMounts } from "./appc-mounts.ts";
import { DEFAULT_CAPABILITIES } from "./capabilities.ts";
import { settleOutcomes } from "./isolator-outcomes.ts";
import { ALLOWED_SYSCALLS, allowedSyscalls, STARTING_SYSCALLS } from "./seccomp-profile.ts";

function appWith(...isolators: readonly (readonly [name: string, value: unknown])[]) {
  const manifest = {
    acKind: "ImageManifest",
    acVersion: "0.8.11",
    name: "a",
    app: { user: "0", group: "0", isolators: isolators.map(([name, value]) => ({ name, value })) },
  };
  const { app } = parseAciManifest(new TextEncoder().encode(JSON.stringify(manifest)));
  if (app === undefined) throw new TypeError("no app");
  return app;
}

describe("planAppc()", () => {
  test("an image can give capabilities up, never gain any", () => {
    const plan = planAppc(
      appWith(["os/linux/capabilities-retain-set", { set: ["CAP_KILL", "CAP_SYS_ADMIN"] }]),
      "image",
    );
    expect(plan.capabilities).toEqual(["KILL"]);
    expect(plan.isolators).toEqual([
      {
        name: "os/linux/capabilities-retain-set",
        outcome: "modified",
        detail: "without CAP_SYS_ADMIN; --cap-add=SYS_ADMIN gives them",
      },
    ]);
  });

  test("the user's own manifest is obeyed, except for capabilities that do not exist", () => {
    const set = ["CAP_KILL", "CAP_SYS_ADMIN", "CAP_NOT_YET"];
    const plan = planAppc(appWith(["os/linux/capabilities-retain-set", { set }]), "user");
    expect(plan.capabilities).toEqual(["KILL", "SYS_ADMIN"]);
    expect(plan.isolators[0]?.outcome).toBe("modified");
  });

  test("a remove set takes from the default set; several sets never bring anything back", () => {
    const removed = planAppc(appWith(["os/linux/capabilities-remove-set", { set: ["CAP_CHOWN"] }]), "image");
    expect(removed.capabilities).toEqual(DEFAULT_CAPABILITIES.filter((name) => name !== "CHOWN"));
    const twice = appWith(
      ["os/linux/capabilities-retain-set", { set: ["CAP_KILL", "CAP_CHOWN"] }],
      ["os/linux/capabilities-retain-set", { set: ["CAP_KILL", "CAP_SETUID"] }],
    );
    expect(planAppc(twice, "user").capabilities).toEqual(["KILL"]);
  });

  test("no-new-privileges stays on unless the user says otherwise", () => {
    const off = appWith(["os/linux/no-new-privileges", false]);
    expect(planAppc(off, "image")).toMatchObject({ allowsNewPrivileges: false, isolators: [{ outcome: "modified" }] });
    expect(planAppc(off, "user")).toMatchObject({ allowsNewPrivileges: true, isolators: [{ outcome: "enforced" }] });
  });

  test("limits of memory and processor time are taken over, requests are told", () => {
    const plan = planAppc(
      appWith(
        ["resource/memory", { limit: "64Mi" }],
        ["resource/cpu", { request: "250m", limit: "500m" }],
        ["resource/cpu", { request: "1" }],
      ),
      "image",
    );
    expect(plan.limits).toEqual({ memoryBytes: 67_108_864, cpuMillis: 500 });
    expect(plan.isolators.map(({ outcome }) => outcome)).toEqual(["enforced", "modified", "ignored"]);
  });

  test("what has no counterpart and what nobody knows is told", () => {
    const plan = planAppc(
      appWith(["os/linux/cpu-shares", 5], ["os/unix/sysctl", { "kernel.msgmax": "1" }], ["example.com/x", 1]),
      "image",
    );
    expect(plan.isolators.map(({ outcome }) => outcome)).toEqual(["ignored", "ignored", "ignored"]);
  });

  test("an app may have itself killed first when memory runs out, never others", () => {
    const more = planAppc(appWith(["os/linux/oom-score-adj", 500]), "image");
    expect(more).toMatchObject({ oomScoreAdj: 500, isolators: [{ outcome: "enforced" }] });
    const less = planAppc(appWith(["os/linux/oom-score-adj", -500]), "user");
    expect(less).toMatchObject({ oomScoreAdj: 0, isolators: [{ outcome: "modified" }] });
  });
});

describe("planAppc() of seccomp isolators", () => {
  const plan = (
    mode: "retain" | "remove",
    set: readonly string[],
    author: "image" | "user" = "image",
    errno = "EPERM",
  ) => {
    const { syscalls, unconfined, isolators } = planAppc(
      appWith([`os/linux/seccomp-${mode}-set`, { set, errno }]),
      author,
    );
    const allowed = allowedSyscalls({ capabilities: [], ...(syscalls === undefined ? {} : { syscalls }) });
    return { allowed, unconfined, outcome: isolators[0]?.outcome, detail: isolators[0]?.detail };
  };

  test("a removed call is no longer allowed, except for those that start a program", () => {
    const { allowed, outcome } = plan("remove", ["mkdir", "mkdirat"]);
    expect(outcome).toBe("enforced");
    expect(ALLOWED_SYSCALLS.filter((name) => !allowed.includes(name))).toEqual(["mkdir", "mkdirat"]);
    expect(plan("remove", ["execve"])).toMatchObject({ outcome: "modified", detail: "execve stay allowed" });
    expect(plan("remove", ["@docker/default-blacklist"]).allowed).not.toContain("ptrace");
  });

  test("what is retained is all that is allowed, and an image gains nothing by it", () => {
    const { allowed, outcome, detail } = plan("retain", ["read", "write", "mount"]);
    expect(allowed.toSorted()).toEqual(
      [...STARTING_SYSCALLS, "read", "write"].filter((name) => ALLOWED_SYSCALLS.includes(name)).toSorted(),
    );
    expect(outcome).toBe("modified");
    expect(detail).toBe("without what the default filter blocks: mount");
    expect(plan("retain", ["@appc.io/all"])).toMatchObject({ unconfined: undefined, outcome: "modified" });
    expect(plan("retain", ["@rkt/default-whitelist"])).toMatchObject({
      outcome: "enforced",
      allowed: ALLOWED_SYSCALLS,
    });
  });

  test("the user's own manifest says exactly what is allowed", () => {
    expect(plan("retain", ["mount"], "user")).toMatchObject({ outcome: "enforced" });
    expect(plan("retain", ["mount"], "user").allowed).toContain("mount");
    expect(plan("retain", ["@appc.io/all"], "user").unconfined).toBe(true);
  });

  test("another error than EPERM, and sets nobody here knows, are told", () => {
    expect(plan("remove", ["mkdir"], "image", "").detail).toBe("calls that are not allowed fail with EPERM");
    expect(plan("remove", ["mkdir", "@systemd/clock"])).toMatchObject({ outcome: "modified" });
    const unknown = plan("retain", ["read", "@systemd/clock"]);
    expect(unknown).toMatchObject({ outcome: "ignored", allowed: ALLOWED_SYSCALLS });
  });
});

test("settleOutcomes() tells what the regime or the command line makes of an isolator", () => {
  const isolators = ["os/linux/seccomp-remove-set", "os/linux/oom-score-adj", "resource/memory"].map((name) => ({
    name,
    outcome: "enforced" as const,
  }));
  const outcomes = (regime: string, ownFilter: boolean) =>
    settleOutcomes(isolators, { regime, ownFilter }).map(({ outcome }) => outcome);
  expect(outcomes("systemd", false)).toEqual(["enforced", "enforced", "enforced"]);
  expect(outcomes("oci", true)).toEqual(["ignored", "enforced", "enforced"]);
  expect(outcomes("gvisor", false)).toEqual(["ignored", "enforced", "enforced"]);
  expect(outcomes("fly", false)).toEqual(["ignored", "ignored", "enforced"]);
});

describe("planAppcMounts()", () => {
  const points = [{ name: "data", path: "/data", readOnly: true }];
  test("takes the mount asked for, else the volume of its name, else an empty one", () => {
    const host = { kind: "host" as const, name: "data", source: "/srv", readOnly: false, recursive: true };
    const mount = { volume: "other", target: "/data", readOnly: false };
    expect(planAppcMounts({ name: "app", mounts: [mount] }, { points, volumes: [host] })).toEqual({
      mounts: [{ ...mount, readOnly: true }],
      volumes: [],
    });
    expect(planAppcMounts({ name: "app", mounts: [] }, { points, volumes: [host] })).toEqual({
      mounts: [{ volume: "data", target: "/data", readOnly: true }],
      volumes: [],
    });
    expect(planAppcMounts({ name: "app", mounts: [] }, { points, volumes: [] })).toEqual({
      mounts: [{ volume: "app-data", target: "/data", readOnly: true }],
      volumes: [{ kind: "empty", name: "app-data", modeOctal: 0o755, uid: 0, gid: 0 }],
    });
  });
});
