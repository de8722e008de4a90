import { expect, test } from "bun:test";
import "../testing/to-throw-code.ts";
import { digestOf } from "../image/digest.ts";
import type { ImageConfig } from "../image/image-config.ts";
import { parsePodId } from "./names.ts";
import type { AppOption, PodOption } from "./options.ts";
import { planManifest } from "./plan-manifest.ts";

const DIGEST = digestOf("x");
const IMAGE = { name: "example.com/app:1", digest: DIGEST, configDigest: DIGEST, layers: ["l"] };
const CONFIG: ImageConfig = {
  platform: { os: "linux", architecture: "amd64" },
  diffIds: [],
  entrypoint: ["/entry"],
  cmd: ["cmd"],
  env: ["FROM=image", "BOTH=image"],
  user: "web",
  workingDir: "/srv",
  volumes: [],
  exposedPorts: [],
  labels: {},
  stopSignal: "SIGINT",
};
const APP: AppOption = {
  image: "example.com/app:1",
  args: [],
  env: [],
  supplementaryGids: [],
  mounts: [],
  readOnlyRootfs: false,
  capAdd: [],
  capDrop: [],
  noNewPrivileges: true,
  seccomp: "default",
};

function plan(app: Partial<AppOption> = {}, pod: Partial<PodOption> = {}, config: Partial<ImageConfig> = {}) {
  const option: PodOption = {
    apps: [{ ...APP, ...app }],
    labels: {},
    volumes: [],
    nets: [],
    ports: [],
    dns: { search: [], options: [] },
    hostsEntries: [],
    pullPolicy: "new",
    ...pod,
  };
  return planManifest(option, {
    uuid: parsePodId("0b3c1d2e-1111-4222-8333-444455556666"),
    createdAt: "2026-01-01T00:00:00Z",
    images: option.apps.map(() => ({ image: IMAGE, config: { ...CONFIG, ...config } })),
    stage1: { regime: "systemd", image: IMAGE },
    insecureOptions: [],
  });
}

test("planManifest() takes from the image what the options leave open", () => {
  const { apps, hostname } = plan();
  expect(apps[0]).toMatchObject({
    name: "app",
    argv: ["/entry", "cmd"],
    env: ["FROM=image", "BOTH=image"],
    user: "web",
    workingDir: "/srv",
    stopSignal: "SIGINT",
  });
  expect(hostname).toBe("gantry-0b3c1d2e-1111-4222-8333-444455556666");
  expect(plan({}, {}, { workingDir: "" }).apps[0]?.workingDir).toBe("/");
});

test("planManifest() puts arguments in the place of cmd, and --exec in that of both", () => {
  expect(plan({ args: ["a"] }).apps[0]?.argv).toEqual(["/entry", "a"]);
  expect(plan({ exec: "/x" }).apps[0]?.argv).toEqual(["/x"]);
  expect(plan({ exec: "/x", args: ["a", "b"] }).apps[0]?.argv).toEqual(["/x", "a", "b"]);
  expect(plan({ env: ["BOTH=flag"], user: "0", name: "mine" }).apps[0]).toMatchObject({
    env: ["FROM=image", "BOTH=flag"],
    user: "0",
    name: "mine",
  });
  expect(plan({}, { name: "web" }).hostname).toBe("web");
  expect(plan({}, { name: "My_web..1_" }).hostname).toBe("My-web-1");
  expect(plan({}, { name: "web", hostname: "box.example" }).hostname).toBe("box.example");
});

test("planManifest() refuses names, directories, volumes, hosts and ports that cannot be", () => {
  const volume = { kind: "empty", name: "v", modeOctal: 0o755, uid: 0, gid: 0 } as const;
  const mount = (target: string, name = "v") => ({ mounts: [{ volume: name, target, readOnly: false }] });
  const port = { hostIp: "", hostPort: 80, podPort: 8080, protocol: "tcp" } as const;
  const cases: readonly (readonly [() => unknown, string])[] = [
    [() => plan({ name: "Not_AC" }), "pod/bad-name"],
    [() => plan({}, { apps: [APP, APP] }), "pod/bad-name"],
    [() => plan({}, { name: "../x" }), "pod/bad-name"],
    [() => plan({ workingDir: "relative" }), "pod/bad-option"],
    [() => plan({ workingDir: "/a/../b" }), "pod/bad-option"],
    [() => plan({}, {}, { workingDir: "/a\rUser=0" }), "pod/bad-option"],
    [() => plan({ capAdd: ["FLY"] }), "pod/bad-option"],
    [() => plan({}, { hostname: "a..b" }), "pod/bad-option"],
    [() => plan({}, { hostname: "-a" }), "pod/bad-option"],
    [() => plan({}, { volumes: [volume, volume] }), "pod/bad-option"],
    [() => plan({}, { volumes: [{ ...volume, name: "../v" }] }), "pod/bad-option"],
    [() => plan(mount("/"), { volumes: [volume] }), "pod/bad-option"],
    [() => plan(mount("/a/../.."), { volumes: [volume] }), "pod/bad-option"],
    [() => plan(mount("/a", "other"), { volumes: [volume] }), "pod/missing-volume"],
    [() => plan({}, { nets: [{ name: "none", args: {} }], ports: [port] }), "pod/bad-option"],
    [() => plan({}, { nets: [{ name: "host", args: {} }], ports: [port] }), "pod/bad-option"],
  ];
  for (const [work, code] of cases) expect(work).toThrowCode(code);
  expect(plan({}, { nets: [{ name: "host", args: {} }], ports: [{ ...port, podPort: 80 }] }).ports).toHaveLength(1);
});
