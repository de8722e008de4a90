import { expect, test } from "bun:test";
import { DEFAULT_CAPABILITIES } from "../pod/capabilities.ts";
import { parseAppName } from "../pod/names.ts";
import type { ResolvedApp } from "../pod/resolved-app.ts";
import { ALLOWED_SYSCALLS, allowedSyscalls } from "../pod/seccomp-profile.ts";
import { ALL_KERNEL_PATHS } from "./kernel-paths.ts";
import { renderUnits } from "./units.ts";

function anApp(name: string, change: Partial<ResolvedApp["app"]> = {}, more: Partial<ResolvedApp> = {}): ResolvedApp {
  const digest = "sha256:0" as ResolvedApp["app"]["image"]["digest"];
  return {
    app: {
      name: parseAppName(name),
      image: { name: "x", digest, configDigest: digest, layers: [] },
      argv: ["x"],
      env: [],
      user: "",
      supplementaryGids: [],
      workingDir: "/srv",
      mounts: [],
      readOnlyRootfs: false,
      capabilities: ["CHOWN", "KILL"],
      noNewPrivileges: true,
      seccomp: "default",
      stopSignal: "",
      ...change,
    },
    credentials: { uid: 1000, gid: 1001, groups: [5], home: "/", userName: "web" },
    argv: ["/bin/x", "two words", "%n"],
    env: ["A=b c"],
    stdin: "null",
    ...more,
  };
}

const unitOf = (app: ResolvedApp) =>
  (renderUnits([app]).get(`etc/systemd/system/app-${app.app.name}.service`) ?? "").split("\n");

test("renderUnits() writes a unit an app, wanted by the pod's target, with numbers that the pod's own files know", () => {
  const units = renderUnits([
    anApp("one"),
    anApp("two", {}, { credentials: { uid: 0, gid: 0, groups: [], home: "/", userName: "root" } }),
  ]);
  expect(units.get("etc/systemd/system/default.target")).toContain("Wants=app-one.service app-two.service");
  expect(units.get("etc/passwd")).toBe("root:x:0:0:root:/:/bin/sh\nu1000:x:1000:1001::/:/bin/sh\n");
  expect(units.get("etc/group")).toBe("root:x:0:\ng1001:x:1001:\ng5:x:5:\n");
});

test("renderUnits() quotes what comes from image and user, and confines", () => {
  const lines = unitOf(anApp("one"));
  for (const line of [
    'ExecStart=:"/bin/x" "two words" "%%n"',
    'Environment="A=b c"',
    "User=1000",
    "Group=1001",
    "SupplementaryGroups=5",
    "WorkingDirectory=/srv/",
    "CapabilityBoundingSet=CAP_CHOWN CAP_KILL",
    "NoNewPrivileges=yes",
    "DevicePolicy=closed",
    "SystemCallErrorNumber=EPERM",
    "KillSignal=SIGTERM",
    "StandardInput=null",
  ])
    expect(lines).toContain(line);
  for (const path of ALL_KERNEL_PATHS.masked) expect(lines).toContain(`InaccessiblePaths=-+${path}`);
  for (const path of ALL_KERNEL_PATHS.readOnly) expect(lines).toContain(`ReadOnlyPaths=-+${path}`);
});

test("renderUnits() has no filter when unconfined, and reads stop signals as images write them", () => {
  expect(unitOf(anApp("one", { seccomp: "unconfined" })).filter((line) => line.startsWith("SystemCall"))).toEqual([]);
  const cases = [
    ["SIGINT", "SIGINT"],
    ["quit", "SIGQUIT"],
    ["9", "9"],
    ["RTMIN+3", "SIGRTMIN+3"],
    ["", "SIGTERM"],
    ["INT\nUser=0", "SIGTERM"],
  ] as const;
  for (const [stopSignal, signal] of cases) {
    expect(unitOf(anApp("one", { stopSignal })).filter((line) => line.startsWith("KillSignal="))).toEqual([
      `KillSignal=${signal}`,
    ]);
  }
});

test("allowedSyscalls() lets nothing out of the pod by default, and a granted capability brings its calls", () => {
  const dangerous = [
    "mount",
    "setns",
    "unshare",
    "bpf",
    "init_module",
    "kexec_load",
    "keyctl",
    "add_key",
    "reboot",
    "io_uring_setup",
    "perf_event_open",
    "open_by_handle_at",
    "swapon",
    "clock_settime",
    "userfaultfd",
    "pivot_root",
  ]; // prettier-ignore
  expect(dangerous.filter((call) => allowedSyscalls({ capabilities: DEFAULT_CAPABILITIES }).includes(call))).toEqual(
    [],
  );
  expect(new Set(ALLOWED_SYSCALLS).size).toBe(ALLOWED_SYSCALLS.length);
  expect(allowedSyscalls({ capabilities: ["SYS_ADMIN"] })).toContain("mount");
  expect(allowedSyscalls({ capabilities: ["SYS_TIME"] })).toContain("clock_settime");
});
