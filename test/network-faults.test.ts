import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { openFiles } from "../src/sys/linux/files.ts";
import { createCniPlugin } from "../src/testing/cni-plugin.ts";
import { writeArchive } from "./harness/images.ts";
import { createWorld, type World } from "./harness/world.ts";

const TIMEOUT_MS = 120_000;
const LOOSE = "--insecure-options=image";

/** Writes network configurations, and gives the world a plugin directory that is looked into first. */
function networks(world: World, configs: Readonly<Record<string, unknown>>): string {
  const netDir = join(world.config, "net.d");
  mkdirSync(netDir, { recursive: true });
  for (const [file, config] of Object.entries(configs)) {
    writeFileSync(join(netDir, file), typeof config === "string" ? config : JSON.stringify(config));
  }
  const plugins = join(world.dir, "plugins");
  world.env.set("CNI_PATH", `${plugins}:/usr/lib/cni`);
  return plugins;
}

const lan = (world: World, ...more: readonly object[]) => ({
  cniVersion: "1.0.0",
  name: "lan",
  plugins: [
    {
      type: "ptp",
      ipMasq: true,
      ipam: {
        type: "host-local",
        ranges: [[{ subnet: "10.199.8.0/24" }]],
        dataDir: join(world.dir, "ipam"),
      },
    },
    ...more,
  ],
});

const leases = (world: World) => readdirSync(join(world.dir, "ipam/lan")).filter((name) => name.startsWith("10."));

test(
  "network: a plugin that fails half-way through its list, or through the pod's networks, undoes what was attached",
  async () => {
    await using world = await createWorld();
    const image = `oci-archive:${writeArchive(world, "app")}:1`;
    const plugins = networks(world, {
      "10-lan.conflist": lan(world, { type: "breaking" }),
      "20-fine.conflist": { ...lan(world), name: "fine" },
      "30-late.conflist": { cniVersion: "1.0.0", name: "late", plugins: [{ type: "breaking" }] },
    });
    const breaking = createCniPlugin(openFiles(plugins), "breaking", {
      ADD: { stdout: { cniVersion: "1.0.0", code: 11, msg: "no cable", details: "port 7" }, exitCode: 1 },
    });
    const run = (net: string) => world.gantry([LOOSE, "run", `--net=${net}`, image, "--exec=/bin/true", "--json"]);
    for (const net of ["lan", "fine,late"]) {
      const before = breaking.calls().length;
      const failed = await run(net);
      const { error } = JSON.parse(failed.stderr.trim().split("\n").at(-1) ?? "");
      expect([net, failed.exitCode, error.code]).toEqual([net, 254, "network/plugin-failed"]);
      expect(error.message).toContain("no cable");
      expect(error.hint).toBeString();
      expect(
        breaking
          .calls()
          .slice(before)
          .map(({ command }) => command)
          .sort(),
      ).toEqual(["ADD", "DEL"]);
      // The plugin before it, or the network before it, was attached: its address is free again.
      expect(leases(world)).toEqual([]);
    }
    expect(JSON.parse((await world.succeed(["list", "--json"])).stdout)).toEqual([]);
    // The world's own check of links, rules, namespaces and mounts follows.
  },
  TIMEOUT_MS,
);

test(
  "network: configurations and arguments that cannot work are refused with their file or name, before anything is made",
  async () => {
    await using world = await createWorld();
    const image = `oci-archive:${writeArchive(world, "app")}:1`;
    await world.succeed([LOOSE, "fetch", image]);
    const cases: readonly (readonly [string, unknown, string, string])[] = [
      ["x.conflist", "{", "network/bad-config", "x.conflist"],
      ["x.conflist", { cniVersion: "1.0.0", name: "x" }, "network/bad-config", "x.conflist"],
      ["x.conflist", { cniVersion: "1.0.0", name: "x", plugins: [] }, "network/bad-config", "x.conflist"],
      [
        "x.conflist",
        { cniVersion: "9.0.0", name: "x", plugins: [{ type: "ptp" }] },
        "network/bad-config",
        "x.conflist",
      ],
      ["x.conflist", { cniVersion: "1.0.0", name: "x", plugins: [{}] }, "network/bad-config", "x.conflist"],
      [
        "x.conflist",
        { cniVersion: "1.0.0", name: "x", plugins: [{ type: "../../bin/sh" }] },
        "network/bad-config",
        "x.conflist",
      ],
      [
        "x.conflist",
        { cniVersion: "1.0.0", name: "x", plugins: [{ type: "nosuchplugin" }] },
        "network/plugin-missing",
        "nosuchplugin",
      ],
      [
        "x.conflist",
        { cniVersion: "1.0.0", name: "x", plugins: [{ type: "ptp", ipam: { type: "host-local" } }] },
        "network/plugin-failed",
        "ptp",
      ],
    ];
    for (const [file, config, code, named] of cases) {
      rmSync(join(world.config, "net.d"), { recursive: true, force: true });
      networks(world, { [file]: config });
      const failed = await world.gantry([LOOSE, "run", "--net=x", "localhost/app:1", "--exec=/bin/true", "--json"]);
      const { error } = JSON.parse(failed.stderr.trim().split("\n").at(-1) ?? "");
      const seen = [
        JSON.stringify(config),
        failed.exitCode,
        error.code,
        `${error.message} ${error.hint}`.includes(named),
      ];
      expect(seen).toEqual([JSON.stringify(config), 254, code, true]);
      expect(error.hint).toBeString();
    }
    for (const flags of [["--port=0:80"], ["--port=99999:80"], ["--port=80:80/icmp"], ["--port=8000-8003:80-81"]]) {
      const failed = await world.gantry([LOOSE, "run", ...flags, "localhost/app:1"]);
      expect([flags[0], failed.exitCode]).toEqual([flags[0], 254]);
    }
    for (const net of ["none", "host"]) {
      const run = [LOOSE, "run", `--net=${net}`, "--port=8080:80", "localhost/app:1", "--json"];
      const { error } = JSON.parse((await world.gantry(run)).stderr.trim().split("\n").at(-1) ?? "");
      expect([net, error.code]).toEqual([net, "pod/bad-option"]);
    }
    expect(JSON.parse((await world.succeed(["list", "--json"])).stdout)).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  "network: a plugin that is gone when the pod ends keeps stop and rm from succeeding, but not rm --force",
  async () => {
    await using world = await createWorld();
    const image = `oci-archive:${writeArchive(world, "app")}:1`;
    const plugins = networks(world, {
      "10-own.conflist": { cniVersion: "1.0.0", name: "own", plugins: [{ type: "own" }] },
    });
    createCniPlugin(openFiles(plugins), "own");
    await world.succeed([LOOSE, "run", "--net=own", "--name=pod", image, "--exec=/bin/true"]);
    rmSync(join(plugins, "own"));
    const kept = await world.gantry(["rm", "pod"]);
    expect([kept.exitCode, kept.stderr.includes("no such program")]).toEqual([7, true]);
    await world.succeed(["rm", "--force", "pod"]);
    expect(JSON.parse((await world.succeed(["list", "--json"])).stdout)).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  "network: a port that a process of the host listens on is refused; hostname, DNS and hosts entries reach the app",
  async () => {
    await using world = await createWorld();
    const image = `oci-archive:${writeArchive(world, "app")}:1`;
    const server = createServer();
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, "0.0.0.0", resolve);
    await promise;
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    try {
      const taken = await world.gantry([LOOSE, "run", `--port=${port}:80`, image, "--exec=/bin/true", "--json"]);
      expect(taken.exitCode).toBe(254);
      expect(JSON.parse(taken.stderr.trim().split("\n").at(-1) ?? "").error).toMatchObject({
        code: "network/port-taken",
        hint: expect.any(String),
      });
    } finally {
      server.close();
    }
    const flags = ["--hostname=box.example", "--dns=192.0.2.1", "--dns-search=example.net", "--dns-opt=ndots:2"];
    const script = "hostname; cat /etc/resolv.conf /etc/hosts";
    const ran = await world.succeed([LOOSE, "-q", "run", ...flags, image, "--exec=sh", "--", "-c", script]);
    for (const line of ["box.example", "nameserver 192.0.2.1", "search example.net", "options ndots:2"]) {
      expect(ran.stdout).toContain(`${line}\n`);
    }
    const host = ["run", "--net=host", image, "--exec=readlink", "--", "/proc/self/ns/net"];
    const own = Bun.spawnSync(["readlink", "/proc/self/ns/net"]).stdout.toString();
    expect((await world.succeed([LOOSE, "-q", ...host])).stdout).toBe(own);
  },
  TIMEOUT_MS,
);
