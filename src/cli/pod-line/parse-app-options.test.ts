import { expect, test } from "bun:test";
import "../../testing/to-throw-code.ts";
import { parsePodLine } from "./parse-pod-line.ts";
import { APP_FLAGS, POD_FLAGS } from "./pod-flags.ts";

const host = {
  env: {},
  readTextFile: async (path: string) => `text of ${path}`,
} as never;
const parse = async (...flags: readonly string[]) =>
  (await parsePodLine(host, ["image", ...flags], { ...POD_FLAGS, ...APP_FLAGS })).option;

test("limits, devices and CDI names are told apart", async () => {
  const option = await parse(
    "--ulimit=nofile=1:2",
    "--ulimit=RLIMIT_CORE=-1",
    "--ulimit=nofile=5",
    "--ulimit=host",
    "--device=/dev/fuse",
    "--device=/dev/a:r",
    "--device=/dev/a:/dev/b:rw",
    "--device=vendor.com/gpu=all",
  );
  expect(option.apps[0]).toMatchObject({
    ulimits: [
      { name: "nofile", soft: 5, hard: 5 },
      { name: "core", soft: "unlimited", hard: "unlimited" },
    ],
    devices: [
      { source: "/dev/fuse", target: "/dev/fuse", access: "rwm" },
      { source: "/dev/a", target: "/dev/a", access: "r" },
      { source: "/dev/a", target: "/dev/b", access: "rw" },
    ],
    cdiDevices: ["vendor.com/gpu=all"],
  });
});

test("security options go where they belong", async () => {
  const option = await parse(
    "--security-opt=seccomp=/p.json",
    "--security-opt=label=type:t_t",
    "--security-opt=label=level:s0:c1,c2",
    "--security-opt=apparmor=mine",
    "--security-opt=mask=/proc/a:/proc/b",
    "--security-opt=unmask=ALL",
    "--security-opt=no-new-privileges:false",
  );
  expect(option.apps[0]).toMatchObject({
    noNewPrivileges: false,
    security: {
      seccompProfile: "text of /p.json",
      label: { type: "t_t", level: "s0:c1,c2" },
      apparmor: "mine",
      mask: ["/proc/a", "/proc/b"],
      unmask: ["ALL"],
    },
  });
  expect((await parse("--security-opt", "seccomp=unconfined")).apps[0]?.seccomp).toBe("unconfined");
});

test("options of the pod", async () => {
  expect(
    await parse("--pid=pod", "--ipc=private", "--shm-size=1m", "--sysctl=net.a/b=1 2", "--runtime=runc"),
  ).toMatchObject({
    sharing: { pid: "pod", ipc: "private" },
    shmBytes: 1024 * 1024,
    sysctls: { "net.a.b": "1 2" },
    runtime: "runc",
  });
  const [mount] = (await parse("-v", "/a:/b:ro,rshared")).apps[0]?.mounts ?? [];
  expect(mount).toMatchObject({ target: "/b", readOnly: true, propagation: "rshared" });
});

test.each([
  "--ulimit=files=1",
  "--ulimit=nofile=2:1",
  "--ulimit=nofile",
  "--device=fuse",
  "--device=/dev/../etc",
  "--device=/dev/a:/dev/b:rx",
  "--security-opt=selinux=x",
  "--security-opt=label=nested",
  "--security-opt=mask=/etc",
  "--security-opt=apparmor",
  "--pid=app",
  "--shm-size=1",
  "--sysctl=kernel",
  "--hooks-dir=hooks",
  "--volume=/a:/b:rslave,rshared",
  "--mount=type=bind,source=/a,target=/b,bind-propagation=some",
])("%s is refused", async (flag) => {
  await expect(parse(flag)).rejects.toThrowCode("cli/usage");
});
