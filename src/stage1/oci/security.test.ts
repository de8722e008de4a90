import { afterAll, beforeAll, expect, test } from "bun:test";
import "../../testing/to-throw-code.ts";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { PodApp } from "../../pod/manifest.ts";
import type { Stage1Host } from "../../pod/stage1-contract.ts";
import { openFiles } from "../../sys/linux/files.ts";
import type { ContainerOptions } from "./container-options.ts";
import { planSecurity } from "./security.ts";
import { planSpec } from "./spec.ts";
import { encodeSpec } from "./spec-text.ts";

let root: string;

/** A host as its kernel describes it in these files. */
function hostWith(name: string, files: Readonly<Record<string, string>>): { readonly host: Stage1Host } {
  const dir = join(root, name);
  for (const [rel, text] of Object.entries({ "proc/sys/kernel/osrelease": "6.1.0\n", ...files })) {
    mkdirSync(dirname(join(dir, rel)), { recursive: true });
    writeFileSync(join(dir, rel), text);
  }
  return { host: { host: openFiles(dir) } as Stage1Host };
}

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "gantry-security-"));
});

afterAll(() => rmSync(root, { recursive: true }));

const appWith = (security: PodApp["security"]) =>
  ({
    name: "web",
    security,
    capabilities: [],
    seccomp: "unconfined",
    workingDir: "/",
    stopSignal: "SIGTERM",
  }) as unknown as PodApp;

const NONE = {
  rlimits: [],
  devices: [],
  mounts: [],
  env: [],
  gids: [],
  hooks: {},
  maskedPaths: [],
  readonlyPaths: [],
  sysctl: {},
  annotations: {},
};

/** The part of the runtime's configuration that confines, as it stands in the file the runtime reads. */
function specOf(host: { readonly host: Stage1Host }, security: PodApp["security"]) {
  const app = appWith(security);
  const spec = planSpec({
    resolved: {
      app,
      credentials: { uid: 0, gid: 0, groups: [], home: "/", userName: "root" },
      argv: ["/bin/true"],
      env: [],
      stdin: "null",
    },
    rootfs: "/rootfs",
    hostname: "web",
    namespaces: { network: undefined },
    options: { ...NONE, ...planSecurity(host, app) } as ContainerOptions,
    cgroupsPath: undefined,
    terminal: false,
    machine: "x64",
  });
  const { process, linux } = JSON.parse(encodeSpec(spec)) as Record<"process" | "linux", Record<string, unknown>>;
  return {
    apparmorProfile: process?.["apparmorProfile"],
    selinuxLabel: process?.["selinuxLabel"],
    mountLabel: linux?.["mountLabel"],
  };
}

const APPARMOR = {
  "sys/module/apparmor/parameters/enabled": "Y\n",
  "sys/kernel/security/apparmor/profiles": "docker-default (enforce)\n/usr/bin/man (complain)\n",
};

test("planSecurity() names the AppArmor profile of the process where the kernel has it loaded", () => {
  const host = hostWith("apparmor", APPARMOR);
  expect(specOf(host, { apparmor: "docker-default" })).toEqual({ apparmorProfile: "docker-default" } as never);
  expect(specOf(host, { apparmor: "/usr/bin/man" }).apparmorProfile).toBe("/usr/bin/man");
  expect(specOf(host, { apparmor: "unconfined" }).apparmorProfile).toBeUndefined();
  expect(() => specOf(host, { apparmor: "docker" })).toThrowCode("stage1/unsupported-host");
  const off = hostWith("apparmor-off", { ...APPARMOR, "sys/module/apparmor/parameters/enabled": "N\n" });
  expect(() => specOf(off, { apparmor: "docker-default" })).toThrowCode("stage1/unsupported-host");
});

test("planSecurity() labels the process and what the runtime mounts where the kernel has an SELinux policy", () => {
  const host = hostWith("selinux", { "sys/fs/selinux/enforce": "1" });
  expect(specOf(host, { label: {} })).toEqual({
    selinuxLabel: "system_u:system_r:container_t:s0",
    mountLabel: "system_u:object_r:container_file_t:s0",
  } as never);
  expect(specOf(host, { label: { type: "spc_t", level: "s0:c1,c2" } })).toEqual({
    selinuxLabel: "system_u:system_r:spc_t:s0:c1,c2",
    mountLabel: "system_u:object_r:container_file_t:s0:c1,c2",
  } as never);
  expect(specOf(host, { label: "disable" })).toEqual({} as never);
  expect(() => specOf(hostWith("no-selinux", {}), { label: {} })).toThrowCode("stage1/unsupported-host");
});
