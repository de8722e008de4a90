import { expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import "../testing/to-throw-code.ts";
import { judgeNspawn } from "../stage1/systemd/probe.ts";
import { parseMountInfo } from "../sys/linux/mount-table.ts";
import { checkNetworks } from "./check-networks.ts";
import { discover } from "./discover.ts";
import { judgeCgroups } from "./doctor/check-cgroups.ts";
import { findMount, judgeFileSystem, judgeSpace } from "./doctor/check-store.ts";
import { doctor } from "./doctor.ts";
import { effectiveConfig } from "./effective-config.ts";
import { listNetworks } from "./list-networks.ts";
import { openTestWorld } from "./test-world.suite.ts";

test("doctor() looks at everything, gives a fix for what is not ok, and makes nothing", async () => {
  using world = openTestWorld();
  const checks = await doctor(world.ctx);
  expect(checks.find((check) => check.name === "trusted keys")?.state).toBe("warn");
  for (const check of checks) expect(check.fix === undefined).toBe(check.state === "ok");
  expect(existsSync(`${world.dir}/root`)).toBe(false);
});

test("doctor() reports a broken policy as a failed check, and goes on", async () => {
  using world = openTestWorld();
  mkdirSync(`${world.dir}/admin/policy.d`, { recursive: true });
  writeFileSync(`${world.dir}/admin/policy.d/x.json`, "{");
  const checks = await doctor(world.ctx);
  expect(checks.filter((check) => check.name === "trusted keys")).toMatchObject([{ state: "fail" }]);
  expect(checks.some((check) => check.name === "TPM")).toBe(true);
  expect((await effectiveConfig(world.ctx)).trust.problem).toContain("x.json");
});

test("judgeCgroups(), judgeNspawn(), judgeFileSystem() and judgeSpace() tell good from bad", () => {
  expect(judgeCgroups({ kind: "none", hierarchies: [] })).toMatchObject([{ state: "fail" }]);
  const controllers = ["cpu", "memory", "pids"];
  expect(
    judgeCgroups({ kind: "unified", hierarchies: [{ version: 2, mountPoint: "/x", controllers, ownPath: "/" }] }),
  ).toMatchObject([{ state: "ok" }]);
  expect(judgeNspawn("systemd 252 (252.39-1)\n+PAM").state).toBe("ready");
  expect(judgeNspawn("systemd 229\n").state).toBe("unavailable");
  expect(judgeNspawn(undefined).fix).toBe("apt install systemd-container");
  const mounts = parseMountInfo("1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 0:9 / /srv rw,nodev - nfs4 h:/x rw\n");
  expect(judgeFileSystem("/var/x", findMount(mounts, "/var/x")).state).toBe("ok");
  expect(judgeFileSystem("/srvx", findMount(mounts, "/srvx")).state).toBe("ok");
  expect(judgeFileSystem("/srv/x", findMount(mounts, "/srv/x")).state).toBe("fail");
  expect(judgeSpace("/", " Avail IFree\n99999999999 100\n").state).toBe("ok");
  expect(judgeSpace("/", " Avail IFree\n1000 100\n").state).toBe("fail");
  expect(judgeSpace("/", "").state).toBe("warn");
});

test("listNetworks() and checkNetworks() name configured networks, missing plugins and broken files", async () => {
  using world = openTestWorld();
  mkdirSync(`${world.dir}/admin/net.d`, { recursive: true });
  writeFileSync(
    `${world.dir}/admin/net.d/10-lan.conflist`,
    JSON.stringify({ cniVersion: "1.0.0", name: "lan", plugins: [{ type: "no-such-plugin" }] }),
  );
  writeFileSync(`${world.dir}/admin/net.d/20-bad.conf`, "{");
  expect((await listNetworks(world.ctx)).map(({ name, from }) => [name, from])).toEqual([
    ["default", "built in"],
    ["lan", `${world.dir}/admin/net.d/10-lan.conflist`],
  ]);
  expect(world.notes.join("\n")).toContain("20-bad.conf");
  const checks = await checkNetworks(world.ctx);
  expect(checks.map(({ name, state }) => [name, state])).toEqual([
    ["bad", "fail"],
    ["default", "ok"],
    ["lan", "fail"],
  ]);
  expect(await effectiveConfig(world.with({ env: { CNI_PATH: "/a:relative", HOME: "/h" } }))).toMatchObject({
    networks: { pluginDirs: ["/a", "/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"] },
    authFiles: [
      { path: "/h/.config/containers/auth.json", present: false },
      { path: "/h/.docker/config.json", present: false },
    ],
  });
});

test("discover() leads to the name's own registry when nothing is announced, and takes names only", async () => {
  using world = openTestWorld([]);
  const found = await discover(world.ctx, { name: "localhost:1/app" });
  expect(found.endpoints).toEqual([{ kind: "registry", image: "docker://localhost:1/app:latest" }]);
  expect(found.steps).toHaveLength(2);
  await expect(discover(world.ctx, { name: "oci-archive:./app.tar" })).rejects.toThrowCode("engine/bad-input");
});
